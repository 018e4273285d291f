/* What is recorded: which kinds of events, of which functions, threads and classes. Plain C strings: no Python code runs
 * inside a hook to decide. */
#ifndef SCOPE_RECORDER_FILTER_H
#define SCOPE_RECORDER_FILTER_H

#include <stdbool.h>

/* The file name of our own code in Python. */
#define SCOPE_OWN_CODE "<scope>"

/* A pattern for classes that stands for those of the code that is recorded; for lines, for all user code. */
#define SCOPE_USER_CODE "user.*"

struct scope_features {
    bool calls;   /* calls, returns and stacks */
    bool raises;  /* exceptions where they are raised */
    bool globals; /* module globals over time */
    bool attributes;
    bool values;        /* of calls: arguments and results */
    bool output;        /* what is printed, logged, warned of */
    bool lines;         /* which lines of recorded functions have run */
    bool call_lines;    /* which line each call was made from */
    bool steps;         /* each line of chosen functions, with what it does to locals */
    bool autopsies;     /* of exceptions: the frames with their locals, of some of each kind */
    bool all_autopsies; /* of all */
};

extern struct scope_features scope_features;

enum scope_pattern_list { SCOPE_INCLUDE, SCOPE_EXCLUDE, SCOPE_STDLIB, SCOPE_CLASSES, SCOPE_LINES, SCOPE_PATTERN_LISTS };

void scope_filter_clear(void);
void scope_filter_begin_change(void);
void scope_filter_end_change(bool keep_new);
void scope_filter_set_own_folder(const char *folder);
bool scope_filter_is_own_file(const char *file);
bool scope_filter_is_own_module(const char *module);
bool scope_filter_add(enum scope_pattern_list list, const char *pattern);
bool scope_filter_wants_code(const char *file, const char *module, const char *qualname, const char *module_file);
bool scope_filter_wants_lines(const char *file, const char *module, const char *qualname, const char *module_file);
bool scope_filter_wants_thread(const char *name);
bool scope_filter_wants_class(const char *module, const char *qualname);
bool scope_filter_has_threads(void);
bool scope_filter_wants_user_classes(void);
bool scope_filter_names_classes(void);
bool scope_filter_has_classes(void);
bool scope_filter_has_lines(void);

#endif
