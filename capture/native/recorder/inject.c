/* The way in for a debugger's remote call.
 *
 * The stopped thread may hold any lock, so nothing of Python runs on it: it only starts a native thread, which waits for
 * the GIL like any other and runs the agent until the recording ends. */
#include "inject.h"

#include "filter.h"
#include "python_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char BOOTSTRAP[] =
    "def load():\n"
    "    import os\n"
    "    folder, namespace = os.path.dirname(library), {'__name__': '_scope_agent', '__builtins__': __builtins__}\n"
    "    path = os.path.join(folder, '_scope_agent.py')\n"
    "    with open(path, 'rb') as file:\n"
    "        source = file.read()\n"
    "    namespace['__file__'] = path\n"
    "    exec(compile(source, path, 'exec'), namespace)\n"
    "    namespace['start'](config)\n"
    "load()\n";

/* GIL held; allocates; 0 or -1 with an exception. `library` lies in the agent's folder. */
static int run_agent(const char *config_path, const char *library) {
    PyObject *code = Py_CompileString(BOOTSTRAP, SCOPE_OWN_CODE, Py_file_input);
    PyObject *globals = PyDict_New();
    PyObject *config = PyUnicode_DecodeFSDefault(config_path), *path = PyUnicode_DecodeFSDefault(library);
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *result = NULL;
    if (code && globals && config && path && builtins && PyDict_SetItemString(globals, "config", config) == 0 &&
        PyDict_SetItemString(globals, "library", path) == 0 &&
        PyDict_SetItemString(globals, "__builtins__", builtins) == 0)
        result = PyEval_EvalCode(code, globals, globals);
    int failed = result == NULL;
    PyObject *parts[] = {code, globals, config, path, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return failed ? -1 : 0;
}

/* Takes the GIL; runs on the new thread. The agent reports its own problems to the recorder; what is left is dropped
 * rather than printed into the target's stderr. */
static void *agent_thread(void *argument) {
    char *config_path = argument;
    Dl_info self;
    int (*initialized)(void);
    *(void **)&initialized = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    if (initialized && initialized() && dladdr(BOOTSTRAP, &self) && self.dli_fname) {
        PyGILState_STATE state = PyGILState_Ensure();
        if (run_agent(config_path, self.dli_fname) != 0)
            PyErr_Clear();
        PyGILState_Release(state);
    }
    free(config_path);
    return NULL;
}

/* GIL not needed and never taken; allocates plain memory and a native thread. 0, or an errno. The caller makes sure that
 * this thread is stopped outside malloc and the loader. */
__attribute__((visibility("default"))) int scope_inject_start(const char *config_path) {
    pthread_t thread;
    pthread_attr_t detached;
    char *copy = strdup(config_path);
    if (!copy)
        return 12; /* ENOMEM */
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int problem = pthread_create(&thread, &detached, agent_thread, copy);
    pthread_attr_destroy(&detached);
    if (problem)
        free(copy);
    return problem;
}
