#include "ctrl_c.h"

namespace
{

volatile std::sig_atomic_t pressed;

void note(int)
{
    pressed = 1;
}

} // namespace

void CtrlC::begin()
{
    struct sigaction ours = {};
    pressed = 0;
    taken = sigaction(SIGINT, nullptr, &before) == 0 && before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN;
    ours.sa_handler = note;
    ours.sa_flags = SA_RESTART;
    sigemptyset(&ours.sa_mask);
    if (taken)
        sigaction(SIGINT, &ours, nullptr);
}

void CtrlC::end()
{
    if (taken)
        sigaction(SIGINT, &before, nullptr);
    taken = false;
}

bool CtrlC::was_pressed()
{
    return pressed != 0;
}
