/* The kernel's number of a thread of which only the pthread handle is known. */
#ifndef SCOPE_OS_TID_H
#define SCOPE_OS_TID_H

#include <pthread.h>
#include <stdint.h>

uint32_t scope_os_tid_of(pthread_t thread);

#endif
