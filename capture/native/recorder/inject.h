/* The way in for a debugger's remote call: start the agent on a thread of its own. */
#ifndef SCOPE_RECORDER_INJECT_H
#define SCOPE_RECORDER_INJECT_H

int scope_inject_start(const char *config_path);

#endif
