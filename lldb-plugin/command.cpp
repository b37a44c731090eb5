#include "command.h"

#include <cstring>
#include <memory>
#include <string>

#include "debugger.h"

namespace
{

bool interrupted(void *debugger)
{
    return static_cast<Debugger *>(debugger)->debugger.GetCommandInterpreter().WasInterrupted();
}

bool wants_color(void *debugger)
{
    return static_cast<Debugger *>(debugger)->debugger.GetUseColor();
}

const struct spprof_debugger_ops target_ops = {lldb_read, lldb_threads, lldb_modules, lldb_find_symbol, lldb_find_section, lldb_regions, interrupted};
const struct spprof_console_ops console_ops = {lldb_inferior,     lldb_selected_thread, lldb_thread_label, wants_color,    "lldb",
                                               lldb_native_frame, lldb_selected_frame,  lldb_select_frame, lldb_run_begin, lldb_run,
                                               lldb_run_end};

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
        debugger.runs.settle(debugger);
        Moment now = debugger.moment();
        if (now != last)
            spprof_console_changed(console);
        last = now;
    }
};

/* The arguments as one text: lldb has cut it into words and taken their quotes away. */
std::string join(char **arguments)
{
    std::string joined;
    for (char **argument = arguments; argument != nullptr && *argument != nullptr; argument++) {
        const char *quote = std::strchr(*argument, '"') != nullptr ? "'" : "\"";
        joined.append(joined.empty() ? "" : " ").append(quote).append(*argument).append(quote);
    }
    return joined;
}

void show(lldb::SBDebugger debugger, const struct spprof_console_result &shown, lldb::SBCommandReturnObject &result)
{
    size_t written;
    if (shown.size == 0)
        return;
    if (debugger.GetCommandInterpreter().WasInterrupted()) { /* lldb drops the output of an interrupted command */
        debugger.GetOutputFile().Write(reinterpret_cast<const uint8_t *>(shown.text), shown.size, &written);
        return;
    }
    std::string without_newline(shown.text, shown.size - (shown.text[shown.size - 1] == '\n'));
    result.AppendMessage(without_newline.c_str());
}

class Command : public lldb::SBCommandPluginInterface
{
  public:
    Command(const std::shared_ptr<Console> &shared, const char *command) : console(shared), name(command) {}

    bool DoExecute(lldb::SBDebugger debugger, char **arguments, lldb::SBCommandReturnObject &result) override
    {
        struct spprof_console_result shown = {};
        console->enter(debugger);
        struct spprof_error *error = spprof_console_run(console->console, name, join(arguments).c_str(), &shown);
        console->debugger.release();
        result.SetStatus(shown.size > 0 ? lldb::eReturnStatusSuccessFinishResult : lldb::eReturnStatusSuccessFinishNoResult);
        show(debugger, shown, result);
        if (shown.note != nullptr)
            result.AppendWarning(shown.note);
        if (error != nullptr)
            result.SetError(error->message);
        spprof_error_free(error);
        spprof_console_result_free(&shown);
        return result.Succeeded();
    }

  private:
    std::shared_ptr<Console> console;
    const char *name; /* of spprof_console_commands */
};

/* lldb breaks the lines of a paragraph itself. */
std::string paragraphs(const char *help)
{
    std::string text = help;
    for (size_t i = 0; i + 1 < text.size(); i++) {
        bool alone = text[i] == '\n' && text[i + 1] != '\n' && (i == 0 || text[i - 1] != '\n');
        text[i] = alone ? ' ' : text[i];
    }
    return text;
}

struct Registration {
    lldb::SBCommandInterpreter interpreter;
    lldb::SBCommand group;
    std::shared_ptr<Console> console;
};

/* One below "spprof", or with "py-" before it. */
template <typename Place>
bool add_command(Registration &registration, Place place, const std::string &start, const std::string &name,
                 const struct spprof_console_command &command)
{
    std::string syntax = start + name + (*command.usage != '\0' ? " " : "") + command.usage;
    auto *run = new Command(registration.console, command.name); /* lldb's from here on */
    lldb::SBCommand added = place.AddCommand(name.c_str(), run, command.summary, syntax.c_str());
    added.SetHelpLong(paragraphs(command.help).c_str());
    return added.IsValid();
}

/* Commands of the shell have no alias, and give way to those of debuggers: "spprof bt" is lldb's, and follows its selected thread. */
bool add_everywhere(Registration &registration, const struct spprof_console_command &command)
{
    const std::string prefix = "spprof ", name = command.name;
    if (name == prefix + "bt" || (name == prefix + "sample" && console_ops.run == nullptr))
        return true;
    if (name.compare(0, prefix.size(), prefix) == 0)
        return add_command(registration, registration.group, prefix, name.substr(prefix.size()), command);
    return add_command(registration, registration.group, prefix, name, command) &&
           add_command(registration, registration.interpreter, "", "py-" + name, command);
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
    lldb::SBCommandInterpreter interpreter = debugger.GetCommandInterpreter();
    Registration registration = {interpreter, interpreter.AddMultiwordCommand("spprof", "Python stacks of the process or core."), console};
    bool added = registration.group.IsValid();
    for (size_t i = 0; i < spprof_console_command_count && added; i++)
        added = add_everywhere(registration, spprof_console_commands[i]);
    return added;
}
