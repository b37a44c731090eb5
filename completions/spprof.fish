# fish completion of spprof

complete -c spprof -f -n __fish_use_subcommand -a bt -d 'Print the Python stack of every thread'
complete -c spprof -f -n __fish_use_subcommand -a sample -d 'Tell where the time goes'
complete -c spprof -f -n __fish_use_subcommand -a doctor -d 'Tell what was found and what is missing'

set -l target '__fish_seen_subcommand_from bt doctor'
complete -c spprof -n $target -a '(__fish_complete_pids)'
complete -c spprof -n $target -F
complete -c spprof -n $target -l sysroot -x -a '(__fish_complete_directories)' -d 'Look for the files that a core names below DIR'

set -l bt '__fish_seen_subcommand_from bt'
complete -c spprof -n $bt -l json -d 'Print JSON instead of text'
complete -c spprof -n $bt -l locals -d 'Show the variables of every frame'
complete -c spprof -n $bt -l value-length -x -d 'How much of a value is shown'
complete -c spprof -n $bt -l no-source -d 'Leave out the source lines'
complete -c spprof -n $bt -l thread -x -d 'Show only the thread with this kernel thread id'
complete -c spprof -n $bt -l no-stop -d 'Read a live process without stopping it'

set -l sample '__fish_seen_subcommand_from sample'
complete -c spprof -n $sample -a '(__fish_complete_pids)'
complete -c spprof -n $sample -s d -l duration -x -d 'How long to sample'
complete -c spprof -n $sample -s r -l rate -x -d 'Looks a second'
complete -c spprof -n $sample -s o -l output -r -d 'Write the profile to a file'
complete -c spprof -n $sample -l format -x -a 'table collapsed speedscope html pprof gecko' -d 'Format of the profile'
complete -c spprof -n $sample -l stop -d 'Stop the process for each look'
complete -c spprof -n $sample -l no-stop -d 'Read the process while it runs'
complete -c spprof -n $sample -l idle -d 'Count threads that wait, too'
complete -c spprof -n $sample -l gil -d 'Count only the thread that holds the GIL'
complete -c spprof -n $sample -l threads -d 'Keep the threads apart'
complete -c spprof -n $sample -l json-stats -r -d 'Write what became of the samples to a file'

complete -c spprof -l memory -x -d 'How much may be kept of what is read'
complete -c spprof -l color -x -a 'auto always never' -d 'Colour the report'
complete -c spprof -s v -l verbose -d 'Tell what was done and what it cost'
complete -c spprof -s q -l quiet -d 'Print only errors on standard error'
complete -c spprof -s h -l help -d 'Explain and exit'
complete -c spprof -l version -d 'Print the version and exit'
