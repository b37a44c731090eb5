/*
 * host LIBPYTHON run|load ARGUMENTS...: a program that has a Python of its own, of which it exports nothing, and runs it with the arguments as
 * its command line. A plug-in's Python is loaded before; it runs in a thread, or is never started.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int Py_BytesMain(int count, char **arguments);

static const char code[] = "import time\n"
                           "def innermost_of_plug_in():\n"
                           "    time.sleep(3600)\n"
                           "innermost_of_plug_in()\n";

static void *symbol_of(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return symbol;
}

static void *run_plug_in(void *library)
{
    void (*initialize)(int);
    int (*run)(const char *, void *);
    void *symbols[] = {symbol_of(library, "Py_InitializeEx"), symbol_of(library, "PyRun_SimpleStringFlags")};
    memcpy(&initialize, &symbols[0], sizeof initialize);
    memcpy(&run, &symbols[1], sizeof run);
    initialize(0);
    run(code, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    if (strcmp(argv[2], "run") == 0)
        pthread_create(&thread, NULL, run_plug_in, library);
    argv[2] = argv[0];
    return Py_BytesMain(argc - 2, argv + 2);
}
