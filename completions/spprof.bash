# bash completion of spprof

_spprof()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local common='--color --memory --verbose --quiet --help --version' command='' word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            bt|sample|doctor) command=$word; break ;;
        esac
    done

    COMPREPLY=()
    case $previous in
        --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current"); return ;;
        --sysroot) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'table collapsed speedscope html pprof gecko' -- "$current"); return ;;
        -o|--output|--json-stats) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --thread|--value-length|--memory|-d|--duration|-r|--rate) return ;;
    esac
    case $command:$current in
        :-*) mapfile -t COMPREPLY < <(compgen -W "$common" -- "$current") ;;
        :*) mapfile -t COMPREPLY < <(compgen -W 'bt sample doctor' -- "$current") ;;
        bt:-*) mapfile -t COMPREPLY < <(compgen -W "--json --locals --value-length --no-source --thread --sysroot --no-stop $common" -- "$current") ;;
        sample:-*) mapfile -t COMPREPLY < <(compgen -W "--duration --rate --output --format --stop --no-stop --idle --gil --threads --json-stats $common" -- "$current") ;;
        sample:*) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$current") ;;
        doctor:-*) mapfile -t COMPREPLY < <(compgen -W "--sysroot $common" -- "$current") ;;
        *)
            # a process or a core file
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current"; compgen -W "$(cd /proc && echo [0-9]*)" -- "$current")
            ;;
    esac
}

complete -F _spprof spprof
