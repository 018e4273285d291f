/* Which functions and threads are recorded.
 *
 * Deciding in C rather than in a Python callback keeps the hooks honest: Python code run from a hook could switch
 * threads, collect garbage or run a signal handler, all unrecorded, in the middle of what is being recorded. */
#include "filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pattern_list {
    char **patterns;
    int count;
};

static struct pattern_list lists[SCOPE_PATTERN_LISTS];
static char own_folder[4096];

/* GIL held; frees plain memory. */
void scope_filter_clear(void) {
    for (int list = 0; list < SCOPE_PATTERN_LISTS; list++) {
        for (int i = 0; i < lists[list].count; i++)
            free(lists[list].patterns[i]);
        free(lists[list].patterns);
        lists[list] = (struct pattern_list){0};
    }
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

/* No GIL; no allocation. User code: not the standard library, not installed packages, not built into the interpreter.
 * Generated code such as "<string>" belongs to the module whose globals it runs in. What was started as the program
 * is user code wherever it lies: of `python -m http.server` nothing at all would be seen otherwise. */
static bool is_user_code(const char *file, const char *module, const char *module_file) {
    if (strncmp(file, "<frozen ", 8) == 0)
        return false;
    if (file[0] == '<') {
        if (strncmp(module, "namedtuple_", 11) == 0)
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

/* No GIL; no allocation. */
bool scope_filter_wants_code(const char *file, const char *module, const char *qualname, const char *module_file) {
    if (scope_filter_is_own_file(file))
        return false;
    bool wanted = false, named = false;
    for (int i = 0; i < lists[SCOPE_INCLUDE].count && !wanted; i++) {
        const char *pattern = lists[SCOPE_INCLUDE].patterns[i];
        if (is_thread_pattern(pattern))
            continue;
        named = true;
        wanted = code_matches(pattern, file, module, qualname);
    }
    if (!named)
        wanted = is_user_code(file, module, module_file);
    for (int i = 0; i < lists[SCOPE_EXCLUDE].count && wanted; i++) {
        const char *pattern = lists[SCOPE_EXCLUDE].patterns[i];
        wanted = is_thread_pattern(pattern) || !code_matches(pattern, file, module, qualname);
    }
    return wanted;
}

/* No GIL; no allocation. */
bool scope_filter_wants_thread(const char *name) {
    bool wanted = false, named = false;
    for (int i = 0; i < lists[SCOPE_INCLUDE].count && !wanted; i++) {
        const char *pattern = lists[SCOPE_INCLUDE].patterns[i];
        if (!is_thread_pattern(pattern))
            continue;
        named = true;
        wanted = fnmatch(pattern + 7, name, FNM_NOESCAPE) == 0;
    }
    wanted = wanted || !named;
    for (int i = 0; i < lists[SCOPE_EXCLUDE].count && wanted; i++) {
        const char *pattern = lists[SCOPE_EXCLUDE].patterns[i];
        wanted = !is_thread_pattern(pattern) || fnmatch(pattern + 7, name, FNM_NOESCAPE) != 0;
    }
    return wanted;
}

/* No GIL; no allocation. A pattern names "module.Class" or just "Class", or everything below it: a module, a package. */
bool scope_filter_wants_class(const char *module, const char *qualname) {
    char both[1024];
    snprintf(both, sizeof both, "%s.%s", module, qualname);
    for (int i = 0; i < lists[SCOPE_CLASSES].count; i++) {
        const char *pattern = lists[SCOPE_CLASSES].patterns[i];
        if (matches(pattern, both, '.') || fnmatch(pattern, qualname, FNM_NOESCAPE) == 0)
            return true;
    }
    return false;
}

/* No GIL; no allocation. */
bool scope_filter_has_threads(void) {
    for (enum scope_pattern_list list = SCOPE_INCLUDE; list <= SCOPE_EXCLUDE; list++)
        for (int i = 0; i < lists[list].count; i++)
            if (is_thread_pattern(lists[list].patterns[i]))
                return true;
    return false;
}

/* No GIL; no allocation. */
bool scope_filter_has_classes(void) {
    return lists[SCOPE_CLASSES].count > 0;
}
