/* A thread of C alone, which Python does not know, writes to where nothing is. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

int thread_id;

void *die(void *may_die)
{
    thread_id = gettid();
    for (char byte; read(*(int *)may_die, &byte, 1) < 0;)
        continue;
    *(volatile int *)24 = 1;
    return NULL;
}

void start(int *may_die)
{
    pthread_t thread;
    pthread_create(&thread, NULL, die, may_die);
}
