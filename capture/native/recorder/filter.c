/* What is recorded: which kinds of events, of which functions, threads and classes.
 *
 * Deciding in C rather than in a Python callback keeps the hooks honest: Python code run from a hook could switch
 * threads, collect garbage or run a signal handler, all unrecorded, in the middle of what is being recorded. */
#include "filter.h"

#include "defs.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pattern_list {
    char **patterns;
    int count;
};

struct scope_features scope_features;

static struct pattern_list lists[SCOPE_PATTERN_LISTS];
static struct pattern_list before[SCOPE_PATTERN_LISTS]; /* what a change that is under way replaces */
static uint64_t matched[SCOPE_PATTERN_LISTS]; /* a bit for each of the first 64 patterns that has matched something */
static char own_folder[4096];

/* GIL held; frees plain memory. */
static void empty(struct pattern_list *list) {
    for (int i = 0; i < list->count; i++)
        free(list->patterns[i]);
    free(list->patterns);
    *list = (struct pattern_list){0};
}

/* GIL held; frees plain memory. */
void scope_filter_clear(void) {
    for (int list = 0; list < SCOPE_PATTERN_LISTS; list++) {
        empty(&lists[list]);
        matched[list] = 0;
    }
}

/* GIL held, not given up until scope_filter_end_change(); does not allocate. What the user chooses is empty, to be filled
 * anew; where the standard library lies stays. */
void scope_filter_begin_change(void) {
    for (int list = 0; list < SCOPE_PATTERN_LISTS; list++) {
        if (list == SCOPE_STDLIB)
            continue;
        before[list] = lists[list];
        lists[list] = (struct pattern_list){0};
    }
}

/* GIL held; frees plain memory. The patterns are those that were added meanwhile, or those of before. */
void scope_filter_end_change(bool keep_new) {
    for (int list = 0; list < SCOPE_PATTERN_LISTS; list++) {
        if (list == SCOPE_STDLIB)
            continue;
        empty(keep_new ? &before[list] : &lists[list]);
        if (keep_new)
            matched[list] = 0; /* by their places in the list */
        else
            lists[list] = before[list];
        before[list] = (struct pattern_list){0};
    }
}

/* GIL held; does not allocate. Tells once of each pattern that something has matched it; of the others the reader says
 * that nothing did. */
static void note_match(enum scope_pattern_list list, int at) {
    static const char *const flags[SCOPE_PATTERN_LISTS] = {[SCOPE_INCLUDE] = "--include",
                                                           [SCOPE_EXCLUDE] = "--exclude",
                                                           [SCOPE_CLASSES] = "--state",
                                                           [SCOPE_LINES] = "--lines"};
    char told[1024];
    const uint64_t bit = at < 64 ? UINT64_C(1) << at : 0;
    if (!bit || matched[list] & bit)
        return;
    matched[list] |= bit;
    snprintf(told, sizeof told, "%s %s", flags[list], lists[list].patterns[at]);
    scope_define(SCOPE_DEF_PROCESS, 0, (const char *[]){"matched", told}, 2);
}

/* GIL held; allocates plain memory; false when there is none. */
bool scope_filter_add(enum scope_pattern_list list, const char *pattern) {
    struct pattern_list *to = &lists[list];
    char **patterns = realloc(to->patterns, (size_t)(to->count + 1) * sizeof *patterns);
    if (!patterns)
        return false;
    to->patterns = patterns;
    to->patterns[to->count] = strdup(pattern);
    return to->patterns[to->count] && ++to->count;
}

/* No GIL; no allocation. `pattern` without wildcards also names everything below it: a package, a folder. */
static bool matches(const char *pattern, const char *text, char separator) {
    if (fnmatch(pattern, text, FNM_NOESCAPE) == 0)
        return true;
    size_t length = strlen(pattern);
    return length && !strpbrk(pattern, "*?[") && strncmp(pattern, text, length) == 0 && text[length] == separator;
}

/* No GIL; no allocation. */
static bool is_thread_pattern(const char *pattern) {
    return strncmp(pattern, "thread:", 7) == 0;
}

/* No GIL; no allocation. A pattern may name a module, a file, or "module:qualname". */
static bool code_matches(const char *pattern, const char *file, const char *module, const char *qualname) {
    char both[1024];
    if (matches(pattern, module, '.') || matches(pattern, file, '/'))
        return true;
    if (strchr(pattern, ':')) {
        snprintf(both, sizeof both, "%s:%s", module, qualname);
        return fnmatch(pattern, both, FNM_NOESCAPE) == 0;
    }
    if (pattern[0] != '/' && pattern[0] != '*' && strchr(pattern, '/')) { /* a path below any folder */
        snprintf(both, sizeof both, "*/%s", pattern);
        return fnmatch(both, file, FNM_NOESCAPE) == 0;
    }
    return false;
}

/* GIL held; no allocation. `folder`: where the recorder's library and the agent's files lie, spelled as code objects
 * spell it. */
void scope_filter_set_own_folder(const char *folder) {
    snprintf(own_folder, sizeof own_folder, "%s", folder);
    for (size_t length = strlen(own_folder); length > 1 && own_folder[length - 1] == '/'; length--)
        own_folder[length - 1] = 0;
}

/* No GIL; no allocation. Whether this is a file of the agent's. Judged by where it lies: a user may have a `_scope_x.py`. */
bool scope_filter_is_own_file(const char *file) {
    size_t length = strlen(own_folder);
    return strcmp(file, SCOPE_OWN_CODE) == 0 ||
           (length && strncmp(file, own_folder, length) == 0 && strncmp(file + length, "/_scope_", 8) == 0);
}

/* No GIL; no allocation. Whether code without a file was written by a library and not by the user: the methods of
 * dataclasses, attrs, named tuples, decorators and templates. Libraries run it in the globals of the user's module, so
 * the module's file alone does not tell: a special method from "<string>" in a module that has a file was generated. */
static bool is_generated(const char *file, const char *module, const char *qualname, const char *module_file) {
    static const char *const makers[] = {"<frozen ", "<attrs ", "<decorator-gen", "<makefun-gen", "<template>"};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strncmp(file, makers[i], strlen(makers[i])) == 0)
            return true;
    if (strncmp(module, "namedtuple_", 11) == 0 || strncmp(qualname, "__create_fn__", 13) == 0)
        return true;
    const char *dot = strrchr(qualname, '.');
    const char *name = dot ? dot + 1 : qualname;
    size_t length = strlen(name);
    bool special = length > 4 && strncmp(name, "__", 2) == 0 && strcmp(name + length - 2, "__") == 0;
    return special && strcmp(file, "<string>") == 0 && module_file[0] == '/';
}

/* No GIL; no allocation. Whether a class of this module is the agent's. Its classes are in no file that could be asked
 * for cheaply, so these few names stay ours; any other `_scope_x` is the user's. */
bool scope_filter_is_own_module(const char *module) {
    static const char *const ours[] = {"_scope_agent", "_scope_wire", "_scope_launch", "_scope_recorder"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(module, ours[i]) == 0)
            return true;
    return false;
}

/* No GIL; no allocation. User code: not the standard library, not installed packages, not built into the interpreter.
 * Code without a file such as "<string>" belongs to the module whose globals it runs in. What was started as the program
 * is user code wherever it lies: of `python -m http.server` nothing at all would be seen otherwise. */
static bool is_user_code(const char *file, const char *module, const char *qualname, const char *module_file) {
    if (file[0] == '<') {
        if (is_generated(file, module, qualname, module_file))
            return false;
        file = module_file;
    }
    if (strcmp(module, "__main__") == 0)
        return true;
    if (strstr(file, "/site-packages/") || strstr(file, "/dist-packages/"))
        return false;
    for (int i = 0; i < lists[SCOPE_STDLIB].count; i++) {
        const char *prefix = lists[SCOPE_STDLIB].patterns[i];
        size_t length = strlen(prefix);
        if (strncmp(file, prefix, length) == 0 && (file[length] == '/' || file[length] == 0))
            return false;
    }
    return true;
}

/* GIL held; no allocation. Every pattern is tried, so that each is known to match something. */
bool scope_filter_wants_code(const char *file, const char *module, const char *qualname, const char *module_file) {
    if (scope_filter_is_own_file(file))
        return false;
    bool wanted = false, named = false;
    for (int i = 0; i < lists[SCOPE_INCLUDE].count; i++) {
        const char *pattern = lists[SCOPE_INCLUDE].patterns[i];
        if (is_thread_pattern(pattern))
            continue;
        named = true;
        if (code_matches(pattern, file, module, qualname)) {
            wanted = true;
            note_match(SCOPE_INCLUDE, i);
        }
    }
    if (!named)
        wanted = is_user_code(file, module, qualname, module_file);
    for (int i = 0; i < lists[SCOPE_EXCLUDE].count; i++) {
        const char *pattern = lists[SCOPE_EXCLUDE].patterns[i];
        if (!is_thread_pattern(pattern) && code_matches(pattern, file, module, qualname)) {
            wanted = false;
            note_match(SCOPE_EXCLUDE, i);
        }
    }
    return wanted;
}

/* GIL held; no allocation. Of code that is recorded. Every pattern is tried, so that each is known to match something. */
bool scope_filter_wants_lines(const char *file, const char *module, const char *qualname, const char *module_file) {
    bool wanted = false;
    for (int i = 0; i < lists[SCOPE_LINES].count; i++) {
        const char *pattern = lists[SCOPE_LINES].patterns[i];
        const bool is_all_user_code = strcmp(pattern, SCOPE_USER_CODE) == 0;
        if (is_all_user_code ? is_user_code(file, module, qualname, module_file)
                             : code_matches(pattern, file, module, qualname)) {
            wanted = true;
            note_match(SCOPE_LINES, i);
        }
    }
    return wanted;
}

/* GIL held; no allocation. */
bool scope_filter_wants_thread(const char *name) {
    bool wanted = false, named = false;
    for (int i = 0; i < lists[SCOPE_INCLUDE].count; i++) {
        const char *pattern = lists[SCOPE_INCLUDE].patterns[i];
        if (!is_thread_pattern(pattern))
            continue;
        named = true;
        if (fnmatch(pattern + 7, name, FNM_NOESCAPE) == 0) {
            wanted = true;
            note_match(SCOPE_INCLUDE, i);
        }
    }
    wanted = wanted || !named;
    for (int i = 0; i < lists[SCOPE_EXCLUDE].count; i++) {
        const char *pattern = lists[SCOPE_EXCLUDE].patterns[i];
        if (is_thread_pattern(pattern) && fnmatch(pattern + 7, name, FNM_NOESCAPE) == 0) {
            wanted = false;
            note_match(SCOPE_EXCLUDE, i);
        }
    }
    return wanted;
}

/* GIL held; no allocation. A pattern names "module.Class", just "Class", or what holds it: a module, a package. */
bool scope_filter_wants_class(const char *module, const char *qualname) {
    char both[1024];
    bool wanted = false;
    snprintf(both, sizeof both, "%s.%s", module, qualname);
    for (int i = 0; i < lists[SCOPE_CLASSES].count; i++) {
        const char *pattern = lists[SCOPE_CLASSES].patterns[i];
        if (strcmp(pattern, SCOPE_USER_CODE) == 0)
            continue;
        if (matches(pattern, both, '.') || fnmatch(pattern, qualname, FNM_NOESCAPE) == 0) {
            wanted = true;
            note_match(SCOPE_CLASSES, i);
        }
    }
    return wanted;
}

/* No GIL; no allocation. */
bool scope_filter_has_threads(void) {
    for (enum scope_pattern_list list = SCOPE_INCLUDE; list <= SCOPE_EXCLUDE; list++)
        for (int i = 0; i < lists[list].count; i++)
            if (is_thread_pattern(lists[list].patterns[i]))
                return true;
    return false;
}

/* GIL held; no allocation. Whether the classes of the code that is recorded are wanted without being named. */
bool scope_filter_wants_user_classes(void) {
    for (int i = 0; i < lists[SCOPE_CLASSES].count; i++) {
        if (strcmp(lists[SCOPE_CLASSES].patterns[i], SCOPE_USER_CODE) == 0) {
            note_match(SCOPE_CLASSES, i);
            return true;
        }
    }
    return false;
}

/* No GIL; no allocation. Whether there are patterns that name classes. */
bool scope_filter_names_classes(void) {
    for (int i = 0; i < lists[SCOPE_CLASSES].count; i++)
        if (strcmp(lists[SCOPE_CLASSES].patterns[i], SCOPE_USER_CODE) != 0)
            return true;
    return false;
}

/* No GIL; no allocation. */
bool scope_filter_has_classes(void) {
    return lists[SCOPE_CLASSES].count > 0;
}

/* No GIL; no allocation. */
bool scope_filter_has_lines(void) {
    return lists[SCOPE_LINES].count > 0;
}
