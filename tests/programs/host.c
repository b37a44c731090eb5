/*
 * host LIBPYTHON run|work|late|main|load ARGUMENTS...: a program that has a Python of its own, of which it exports nothing, and runs it with the
 * arguments as its command line. A plug-in's Python is loaded before; it runs in a thread, where it sleeps or computes, is started by the main
 * thread and runs nothing, or is never started. late: it sleeps, but is not started before the file LATE exists. With moved.c preloaded its library is moved to where that says.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int Py_BytesMain(int count, char **arguments);

static const char sleeps[] = "import time\n"
                             "def innermost_of_plug_in():\n"
                             "    time.sleep(3600)\n"
                             "innermost_of_plug_in()\n";
static const char computes[] = "def innermost_of_plug_in():\n"
                               "    while True:\n"
                               "        pass\n"
                               "innermost_of_plug_in()\n";
static const char *code = sleeps;
static const char *late;

static void *symbol_of(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return symbol;
}

static void start(void *library)
{
    void (*initialize)(int);
    void *symbol = symbol_of(library, "Py_InitializeEx");
    memcpy(&initialize, &symbol, sizeof initialize);
    initialize(0);
}

static void *run_plug_in(void *library)
{
    int (*run)(const char *, void *);
    void *symbol = symbol_of(library, "PyRun_SimpleStringFlags");
    memcpy(&run, &symbol, sizeof run);
    while (late != NULL && access(late, F_OK) != 0)
        usleep(10000);
    start(library);
    run(code, NULL);
    return NULL;
}

static void move(void)
{
    void (*move_files)(void);
    void *symbol = dlsym(RTLD_DEFAULT, "move_files");
    memcpy(&move_files, &symbol, sizeof move_files);
    if (symbol != NULL)
        move_files();
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    move();
    if (strcmp(argv[2], "work") == 0)
        code = computes;
    if (strcmp(argv[2], "late") == 0)
        late = getenv("LATE");
    if (strcmp(argv[2], "main") == 0)
        start(library);
    else if (strcmp(argv[2], "load") != 0)
        pthread_create(&thread, NULL, run_plug_in, library);
    argv[2] = argv[0];
    return Py_BytesMain(argc - 2, argv + 2);
}
