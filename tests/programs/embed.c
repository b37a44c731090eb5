/* embed LIBPYTHON main|thread ARGUMENTS...: a program that opens Python as a plug-in, and runs it in its main thread or in another. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int (*run_python)(int, char **);
static int count;
static char **arguments;

static void *run(void *unused)
{
    run_python(count, arguments);
    return unused;
}

int main(int argc, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    void *symbol = library != NULL ? dlsym(library, "Py_BytesMain") : NULL;
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    memcpy(&run_python, &symbol, sizeof run_python);
    count = argc - 2;
    arguments = argv + 2;
    if (strcmp(argv[2], "main") == 0) {
        run(NULL);
        return 0;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    return pthread_join(thread, NULL);
}
