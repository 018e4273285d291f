/* From which lines calls are made: whether that can be told here. */
#ifndef SCOPE_RECORDER_HOOKS_CALL_LINES_H
#define SCOPE_RECORDER_HOOKS_CALL_LINES_H

int scope_call_lines_put(void);
void scope_call_lines_undo(void);

#endif
