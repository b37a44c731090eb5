/*
 * Ctrl-C while the inferior runs. lldb gives it to a program that it has launched in its terminal, and loses it where a command lets that
 * run; so it is taken before lldb sees it.
 */
#ifndef SPPROF_LLDB_CTRL_C_H
#define SPPROF_LLDB_CTRL_C_H

#include <csignal>

class CtrlC
{
  public:
    /* From begin to end no other handler of SIGINT is called. Where there was none, as in a server, Ctrl-C is nobody's and stays so. */
    void begin();
    void end();

    /* Since the last begin. Any thread may ask. */
    static bool was_pressed();

  private:
    struct sigaction before = {};
    bool taken = false;
};

#endif
