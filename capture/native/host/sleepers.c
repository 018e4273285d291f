/* Which threads of a process sleep, since when and for what, as the kernel tells it.
 *
 * A thread that was not put on a CPU between two looks, and is asleep at the second, slept all the time between them:
 * that is proved with the scheduler's own counters (schedstat: time on a CPU, times put on one; where a kernel does not
 * count these, the context switches of `status`), so a thread that wakes and sleeps again a thousand times between two
 * looks is never taken for one that slept. A thread that the kernel does not tell about is not looked at.
 *
 * One look at one thread reads one small file, two more when it is found asleep for the first time. The file stays open
 * while there are descriptors to spare, because opening it takes several times as long as reading it. Thousands of
 * threads are looked at in slices, so that whoever calls can go on with other work in between.
 *
 * Source: proc(5); Linux fs/proc/base.c (proc_pid_schedstat, proc_pid_syscall), fs/proc/array.c.
 */

#define _GNU_SOURCE
#include "host.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ROOM 256
#define MOST_THREADS (1 << 20)
#define ROUNDS_UNASKED 16 /* of a sleeping thread, whose counters say enough */
#define OWN_SWITCHES "\nvoluntary_ctxt_switches:"
#define FORCED_SWITCHES "\nnonvoluntary_ctxt_switches:"
#define FILE_BYTES 2048 /* `status` of a thread; the other files are shorter */

/* Why it sleeps; capture/target/sleepers.py has the words. */
enum why { WHY_UNKNOWN, WHY_LOCK, WHY_IO, WHY_SLEEP, WHY_CHILD };

/* Of one thread; only ever compared, but for the delay. */
struct counters {
    uint64_t ran, times; /* how long and how often it was on a CPU; or its own and its forced switches */
    uint64_t delay_ns;   /* how long it has waited for one */
};

struct thread {
    struct counters last; /* as of the last look */
    int64_t looked_ns;    /* the end of that look */
    int64_t asleep_ns;    /* the beginning of the last look that found it asleep */
    int64_t asked_ns;     /* the same, of those that read its state */
    int32_t id;           /* 0: a free place, -1: gone */
    int fd;               /* its schedstat; -1: opened anew each time */
    uint32_t round;
    bool asleep;
    bool doubted; /* the last look found it neither asleep nor run since */
};

struct scope_sleepers {
    int fd; /* /proc/PID/task */
    bool in_round, sweeping, has_gone;
    bool asks_all;        /* for its state, of each thread, whatever it takes */
    bool counts_switches; /* this kernel has no schedstat */
    int spare_files;      /* as many more may stay open */
    uint32_t round;
    int64_t round_ns;       /* when the round began */
    struct thread *threads; /* by thread id, open addressing */
    size_t room, used, sweep_at;
    ssize_t names_bytes, names_at;
    char names[2048];
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Does not allocate. -1 with errno when there is none, or it may not be read. */
static int open_file(const struct scope_sleepers *all, int32_t id, const char *name) {
    char path[48];
    snprintf(path, sizeof path, "%d/%s", id, name);
    return openat(all->fd, path, O_RDONLY | O_CLOEXEC);
}

/* Does not allocate. The first bytes of an open file as text. */
static bool read_text(int fd, char text[FILE_BYTES]) {
    ssize_t bytes = pread(fd, text, FILE_BYTES - 1, 0);
    if (bytes <= 0)
        return false;
    text[bytes] = 0;
    return true;
}

/* Does not allocate. The first bytes of a thread's file as text. */
static bool read_file(const struct scope_sleepers *all, int32_t id, const char *name, char text[FILE_BYTES]) {
    int fd = open_file(all, id, name);
    if (fd < 0)
        return false;
    bool is_read = read_text(fd, text);
    close(fd);
    return is_read;
}

/* Does not allocate. What changes whenever the thread runs; false when it is gone, or the kernel does not tell. */
static bool read_counters(struct scope_sleepers *all, struct thread *one, struct counters *found) {
    char text[FILE_BYTES];
    *found = (struct counters){0};
    if (all->counts_switches) {
        const char *own = NULL, *forced = NULL;
        if (read_file(all, one->id, "status", text)) {
            own = strstr(text, OWN_SWITCHES);
            forced = strstr(text, FORCED_SWITCHES);
        }
        if (!own || !forced)
            return false;
        found->ran = strtoull(own + sizeof OWN_SWITCHES - 1, NULL, 10);
        found->times = strtoull(forced + sizeof FORCED_SWITCHES - 1, NULL, 10);
        return true;
    }
    int fd = one->fd >= 0 ? one->fd : open_file(all, one->id, "schedstat");
    if (fd < 0)
        return false;
    bool is_read = read_text(fd, text);
    if (one->fd < 0 && all->spare_files > 0)
        one->fd = fd, all->spare_files--;
    if (one->fd < 0)
        close(fd);
    char *end = text;
    if (is_read) {
        found->ran = strtoull(end, &end, 10);
        found->delay_ns = strtoull(end, &end, 10);
        found->times = strtoull(end, &end, 10);
    }
    return is_read;
}

/* Does not allocate. Finds out what this kernel counts; false when that is nothing. */
static bool can_count(struct scope_sleepers *all, int pid) {
    struct thread main_thread = {.id = pid, .fd = -1}; /* where it is not told of this one, it is told of none */
    struct counters found;
    if (read_counters(all, &main_thread, &found) && found.times)
        return true;
    all->counts_switches = true;
    return read_counters(all, &main_thread, &found);
}

static enum why why_of_call(long number, const uint64_t given[3]) {
    switch (number) {
    case SYS_futex:
#ifdef SYS_futex_waitv
    case SYS_futex_waitv:
#endif
        return WHY_LOCK;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return WHY_SLEEP;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return given[0] ? WHY_IO : WHY_SLEEP; /* time.sleep() up to 3.10 waits for no descriptor at all */
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return given[1] ? WHY_IO : WHY_SLEEP;
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
    case SYS_epoll_pwait:
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_flock:
    case SYS_fcntl:
    case SYS_openat:
    case SYS_io_getevents:
        return WHY_IO;
    case SYS_wait4:
    case SYS_waitid:
        return WHY_CHILD;
    default:
        return WHY_UNKNOWN;
    }
}

/* Words in the name of the kernel's function that a thread sleeps in. select() and poll() share theirs with a sleep that
 * is made of them, so it says nothing. */
static enum why why_of_place(const char *place) {
    static const struct {
        const char *word;
        enum why why;
    } known[] = {
        {"futex", WHY_LOCK},    {"nanosleep", WHY_SLEEP}, {"ep_poll", WHY_IO}, {"epoll", WHY_IO},
        {"pipe", WHY_IO},       {"unix_stream", WHY_IO},  {"sk_wait", WHY_IO}, {"skb_wait", WHY_IO},
        {"inet_", WHY_IO},      {"wait_woken", WHY_IO},   {"tty", WHY_IO},     {"folio_wait", WHY_IO},
        {"do_wait", WHY_CHILD},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(place, known[i].word))
            return known[i].why;
    return WHY_UNKNOWN;
}

/* Does not allocate. The letter of ps(1), 0 when the thread is gone. */
static char read_state(const struct scope_sleepers *all, int32_t id) {
    char text[FILE_BYTES];
    if (!read_file(all, id, "stat", text))
        return 0;
    const char *end = strrchr(text, ')'); /* of the name, which may hold anything */
    return end && end[1] == ' ' ? end[2] : 0;
}

/* Does not allocate. Whether the thread is off its CPU and does not want one, and why, as far as we may know. */
static bool is_asleep(const struct scope_sleepers *all, int32_t id, struct scope_sleep_change *change) {
    char text[FILE_BYTES];
    long number;
    uint64_t given[3];
    bool may_read = read_file(all, id, "syscall", text);
    if (may_read && strncmp(text, "running", 7) == 0)
        return false;
    if (may_read &&
        sscanf(text, "%ld %" SCNx64 " %" SCNx64 " %" SCNx64, &number, &given[0], &given[1], &given[2]) == 4) {
        change->why = why_of_call(number, given);
        change->futex = number == SYS_futex ? given[0] : 0;
        return true;
    }
    char state = read_state(all, id);
    if (!state || !strchr("SDTt", state))
        return false;
    if (!may_read && read_file(all, id, "wchan", text))
        change->why = why_of_place(text);
    if (change->why == WHY_UNKNOWN && state == 'D')
        change->why = WHY_IO; /* what cannot be interrupted waits for a disk, as good as always */
    return true;
}

/* The thread's place, or the free one where it would be; there is always a free one. */
static struct thread *place_of(const struct scope_sleepers *all, int32_t id) {
    size_t at = (uint32_t)id * 2654435761u & (all->room - 1);
    while (all->threads[at].id && all->threads[at].id != id)
        at = (at + 1) & (all->room - 1);
    return &all->threads[at];
}

/* Allocates. Makes room for one more, and leaves out who has gone; false without memory. */
static bool rebuild(struct scope_sleepers *all) {
    struct thread *old = all->threads;
    size_t old_room = all->room, live = 0;
    for (size_t i = 0; i < old_room; i++)
        live += old[i].id > 0;
    size_t room = FIRST_ROOM;
    while (room < 4 * (live + 1))
        room *= 2;
    struct thread *fresh = calloc(room, sizeof *fresh);
    if (!fresh)
        return false;
    all->threads = fresh, all->room = room, all->used = live;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].id > 0)
            *place_of(all, old[i].id) = old[i];
    free(old);
    return true;
}

/* Does not allocate. Whether the thread was not put on a CPU between the two. */
static bool is_same(const struct counters *one, const struct counters *other) {
    return one->ran == other->ran && one->times == other->times;
}

/* Does not allocate. Looks at one thread; 1 when `change` says what has changed, -1 when the thread is gone.
 *
 * Who is woken and gets no CPU for a while, as on a machine that has far too much to do, sleeps no longer. The time that
 * it has waited for one shows when it has got one, and is taken off the end of its sleep. Who has not got one by the last
 * look shows by its state, which is read again now and then. Who is asleep again without having had one never woke: the
 * first look was at a moment at which the kernel could not say, and one sleep would be told as two. */
static int look_at(struct scope_sleepers *all, struct thread *one, struct scope_sleep_change *change) {
    int64_t before_ns = now_ns();
    struct counters now, again;
    bool is_there = read_counters(all, one, &now);
    bool has_slept = is_there && one->looked_ns && is_same(&now, &one->last);
    bool asks = !one->asleep || one->doubted || all->asks_all || (all->round + (uint32_t)one->id) % ROUNDS_UNASKED == 0;
    *change = (struct scope_sleep_change){.thread_id = one->id};
    if (has_slept && !asks) {
        one->asleep_ns = before_ns;
        one->looked_ns = now_ns();
        return 0;
    }
    if (has_slept && is_asleep(all, one->id, change) && read_counters(all, one, &again) && is_same(&now, &again)) {
        bool is_new = !one->asleep;
        change->sleeps = 1;
        change->at_ns = one->looked_ns;
        one->asleep = true;
        one->doubted = false;
        one->asleep_ns = one->asked_ns = before_ns;
        one->looked_ns = now_ns();
        return is_new;
    }
    if (has_slept && one->asleep && !one->doubted && !all->asks_all) {
        one->doubted = true;
        one->looked_ns = now_ns();
        return 0;
    }
    bool woke = one->asleep;
    int64_t delay_ns = is_there ? (int64_t)(now.delay_ns - one->last.delay_ns) : 0;
    int64_t until_ns = has_slept ? one->asked_ns : one->asleep_ns - delay_ns;
    *change = (struct scope_sleep_change){.thread_id = one->id};
    change->at_ns = until_ns > one->asked_ns ? until_ns : one->asked_ns;
    one->asleep = one->doubted = false;
    one->last = now;
    one->looked_ns = is_there ? now_ns() : 0;
    return woke ? 1 : is_there ? 0 : -1;
}

/* Does not allocate. The next thread's id in the directory; 0 at its end. */
static int32_t next_name(struct scope_sleepers *all) {
    for (;;) {
        if (all->names_at >= all->names_bytes) {
            all->names_at = 0;
            all->names_bytes = syscall(SYS_getdents64, all->fd, all->names, sizeof all->names);
            if (all->names_bytes <= 0)
                return 0;
        }
        const struct dirent64 *entry = (const void *)(all->names + all->names_at);
        all->names_at += entry->d_reclen;
        long id = strtol(entry->d_name, NULL, 10);
        if (id > 0)
            return (int32_t)id;
    }
}

/* Does not allocate. The thread is gone, and so is what was kept for it. */
static void forget(struct scope_sleepers *all, struct thread *one) {
    if (one->fd >= 0) {
        close(one->fd);
        all->spare_files++;
    }
    *one = (struct thread){.id = -1, .fd = -1};
    all->has_gone = true;
}

/* Allocates. The threads of a process, to be looked at again and again; up to `files` of their files stay open. NULL with
 * errno when they cannot be looked at. */
SCOPE_EXPORT struct scope_sleepers *scope_sleepers_open(int pid, int files) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    struct scope_sleepers *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (all->fd < 0 || !can_count(all, pid) || !rebuild(all)) {
        int problem = errno;
        if (all->fd >= 0)
            close(all->fd);
        free(all);
        errno = problem;
        return NULL;
    }
    all->spare_files = files;
    return all;
}

/* Frees. */
SCOPE_EXPORT void scope_sleepers_close(struct scope_sleepers *all) {
    for (size_t i = 0; i < all->room; i++)
        if (all->threads[i].id > 0)
            forget(all, &all->threads[i]);
    close(all->fd);
    free(all->threads);
    free(all);
}

/* Allocates. The thread's place, a new one for one not met before; NULL without memory. */
static struct thread *entry_of(struct scope_sleepers *all, int32_t id) {
    struct thread *one = place_of(all, id);
    if (one->id)
        return one;
    if (all->used >= MOST_THREADS || (2 * (all->used + 1) > all->room && !rebuild(all)))
        return NULL;
    one = place_of(all, id);
    *one = (struct thread){.id = id, .fd = -1};
    all->used++;
    return one;
}

/* From now on each look reads each thread's state: for the last ones. */
SCOPE_EXPORT void scope_sleepers_ask_all(struct scope_sleepers *all) {
    all->asks_all = true;
}

/* May allocate. Goes on with the round for `budget_ns`, or until `most` changes are written. *round_ns becomes the time
 * at which a round began that has ended just now: what happened up to then is told. It stays 0 in between. */
SCOPE_EXPORT int scope_sleepers_look(struct scope_sleepers *all, int64_t budget_ns, int most,
                                     struct scope_sleep_change *changes, int64_t *round_ns) {
    int64_t began_ns = now_ns();
    int found = 0;
    *round_ns = 0;
    if (!all->in_round) {
        all->in_round = true;
        all->round++;
        all->round_ns = began_ns;
        all->names_bytes = all->names_at = 0;
        lseek(all->fd, 0, SEEK_SET);
    }
    while (!all->sweeping && found < most && now_ns() - began_ns < budget_ns) {
        int32_t id = next_name(all);
        struct thread *one = id ? entry_of(all, id) : NULL;
        if (!id) {
            all->sweeping = true;
            all->sweep_at = 0;
        } else if (one) {
            one->round = all->round;
            if (look_at(all, one, &changes[found]) > 0)
                found++;
        }
    }
    for (; all->sweeping && found < most && all->sweep_at < all->room; all->sweep_at++) {
        struct thread *one = &all->threads[all->sweep_at];
        if (one->id <= 0 || one->round == all->round)
            continue; /* the others have gone, or the directory passed over them while one before them ended */
        one->round = all->round;
        int told = look_at(all, one, &changes[found]);
        if (told > 0)
            found++;
        else if (told < 0)
            forget(all, one);
    }
    if (all->sweeping && all->sweep_at >= all->room) {
        all->sweeping = all->in_round = false;
        *round_ns = all->round_ns;
        if (all->has_gone && rebuild(all))
            all->has_gone = false;
    }
    return found;
}
