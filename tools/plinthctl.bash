# SPDX-License-Identifier: MIT
# Completion of plinthctl's words for bash: `source tools/plinthctl.bash`. Commands and guests are
# asked of the Plinth that runs; where none does, only the options are known.

_plinthctl_ask()
{
	# The first column of an answer's table; an attempt must not make the user wait.
	"${COMP_WORDS[0]}" "${_plinthctl_line[@]}" --timeout 1 "$@" 2> /dev/null |
		awk 'NR > 1 && NF { print $1 }'
}

_plinthctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} i=1
	local _plinthctl_line=()

	# The options in front, of which the connection is needed to ask.
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--socket | --tty)
			_plinthctl_line=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			((i += 2))
			;;
		--timeout) ((i += 2)) ;;
		-*) ((i += 1)) ;;
		*) break ;;
		esac
	done
	COMPREPLY=()
	if ((i > COMP_CWORD)); then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif ((i == COMP_CWORD)) && [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--socket --tty --json --timeout --help' -- "$word")
	elif ((i == COMP_CWORD)) || [[ ${COMP_WORDS[i]} == watch && $((i + 1)) -eq COMP_CWORD ]] ||
		[[ ${COMP_WORDS[i]} == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_plinthctl_ask help)" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_plinthctl_ask vms)" -- "$word")
	fi
}

complete -F _plinthctl plinthctl tools/plinthctl ./tools/plinthctl
