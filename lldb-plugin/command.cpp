#include "command.h"

#include <cstring>
#include <memory>
#include <string>

#include "debugger.h"

namespace {

bool interrupted(void *debugger)
{
    return static_cast<Debugger *>(debugger)->debugger.GetCommandInterpreter().WasInterrupted();
}

bool wants_color(void *debugger)
{
    return static_cast<Debugger *>(debugger)->debugger.GetUseColor();
}

const struct spprof_debugger_ops target_ops = {lldb_read, lldb_threads, lldb_modules, lldb_find_symbol, lldb_find_section, interrupted};
const struct spprof_console_ops console_ops = {lldb_inferior, lldb_selected_thread, lldb_thread_label, lldb_selected_frame, wants_color, "lldb"};

/* One console for each lldb::SBDebugger, shared by its commands. */
struct Console {
    Debugger debugger;
    Moment last = {};
    struct spprof_console *console = nullptr;

    Console() = default;
    Console(const Console &) = delete;
    Console &operator=(const Console &) = delete;
    ~Console() { spprof_console_free(console); }

    void enter(const lldb::SBDebugger &current)
    {
        debugger.select(current);
        Moment now = debugger.moment();
        if (now != last)
            spprof_console_changed(console);
        last = now;
    }
};

/* The arguments as they were typed, but for quotes, which lldb has taken away. */
std::string join(char **arguments)
{
    std::string joined;
    for (char **argument = arguments; argument != nullptr && *argument != nullptr; argument++)
        joined.append(joined.empty() ? "" : " ").append(*argument);
    return joined;
}

void show(lldb::SBDebugger debugger, const struct spprof_console_result &text, lldb::SBCommandReturnObject &result)
{
    size_t length = text.size, written;
    if (length == 0)
        return;
    if (debugger.GetCommandInterpreter().WasInterrupted()) { /* lldb drops the output of an interrupted command */
        debugger.GetOutputFile().Write(reinterpret_cast<const uint8_t *>(text.text), length, &written);
        return;
    }
    std::string without_newline(text.text, text.text[length - 1] == '\n' ? length - 1 : length);
    result.AppendMessage(without_newline.c_str());
}

class Command : public lldb::SBCommandPluginInterface {
public:
    Command(const std::shared_ptr<Console> &shared, const char *command) : console(shared), name(command) {}

    bool DoExecute(lldb::SBDebugger debugger, char **arguments, lldb::SBCommandReturnObject &result) override
    {
        struct spprof_console_result text = {};
        bool all = std::strcmp(name, "bt") == 0 && arguments != nullptr && *arguments != nullptr && std::strcmp(*arguments, "all") == 0;
        console->enter(debugger);
        struct spprof_error *error =
            spprof_console_run(console->console, all ? "bt-all" : name, join(arguments + (all ? 1 : 0)).c_str(), &text);
        console->debugger.release();
        result.SetStatus(text.size > 0 ? lldb::eReturnStatusSuccessFinishResult : lldb::eReturnStatusSuccessFinishNoResult);
        show(debugger, text, result);
        if (text.note != nullptr)
            result.AppendWarning(text.note);
        if (error != nullptr)
            result.SetError(error->message);
        spprof_error_free(error);
        spprof_console_result_free(&text);
        return result.Succeeded();
    }

private:
    std::shared_ptr<Console> console;
    const char *name; /* of spprof_console_commands */
};

bool add_command(lldb::SBDebugger debugger, lldb::SBCommand group, const std::shared_ptr<Console> &console,
                 const struct spprof_console_command &command)
{
    std::string alias = std::string("py-") + command.name;
    std::string usage = std::string(command.name) + " " + command.usage;
    lldb::SBCommand in_group = group.AddCommand(command.name, new Command(console, command.name), command.summary, ("spprof " + usage).c_str());
    lldb::SBCommand alone = debugger.GetCommandInterpreter().AddCommand(alias.c_str(), new Command(console, command.name), command.summary,
                                                                         ("py-" + usage).c_str());
    if (!in_group.IsValid() || !alone.IsValid())
        return false;
    in_group.SetHelpLong(command.help);
    alone.SetHelpLong(command.help);
    return true;
}

} // namespace

bool add_commands(lldb::SBDebugger debugger, const char **message)
{
    auto console = std::make_shared<Console>();
    struct spprof_error *error = spprof_console_new(&target_ops, &console_ops, &console->debugger, &console->console);
    spprof_error_free(error);
    *message = error != nullptr ? "memory is out" : "lldb has commands of these names that cannot be replaced";
    if (error != nullptr)
        return false;
    lldb::SBCommand group = debugger.GetCommandInterpreter().AddMultiwordCommand("spprof", "Python stacks of the process or core.");
    bool added = group.IsValid();
    for (size_t i = 0; i < spprof_console_command_count && added; i++)
        added = add_command(debugger, group, console, spprof_console_commands[i]);
    return added;
}
