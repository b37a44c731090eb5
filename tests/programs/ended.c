/* ended LIBPYTHON never|ended: a host that has loaded a Python as a plug-in, and never started it, or ended it; says so, and waits. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void run(void *library)
{
    void (*initialize)(int);
    int (*finalize)(void);
    void *symbols[] = {dlsym(library, "Py_InitializeEx"), dlsym(library, "Py_FinalizeEx")};
    memcpy(&initialize, &symbols[0], sizeof initialize);
    memcpy(&finalize, &symbols[1], sizeof finalize);
    initialize(0);
    finalize();
}

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (library == NULL)
        return 1;
    if (strcmp(argv[2], "ended") == 0)
        run(library);
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
