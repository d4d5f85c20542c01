# Prints what zsh offers behind a line, one a line: offers.zsh SCRIPT PLACE LINE
#
# Only an interactive zsh completes, so one gets a terminal of its own, in which what takes the matches prints them.
if [[ $1 == inside ]]; then
  compadd() {
    # Asked which of its words fit, it offers nothing yet.
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)* ]]; then
      local -a offered
      builtin compadd -A offered "$@"
      print -rl -- 'offered:'${^offered}
    fi
    # With none, the next best are tried.
    builtin compadd "$@"
  }
  all-offered() {
    print -r -- 'offered all'
    exit
  }
  autoload -Uz compinit && compinit -u -D
  comppostfuncs=(all-offered)
  bindkey '^I' complete-word
  source $2
  cd -- $3
  PROMPT='your turn'
  return
fi
zmodload zsh/zpty || exit
zpty shell zsh -f -i
zpty -w shell "source ${(q)0:A} inside ${(q)1} ${(q)2}"
zpty -r -m shell seen '*your turn*' || exit
zpty -w -n shell "$3"$'\t'
zpty -r -m shell seen '*offered all*' || exit
zpty -d shell
for line in ${(f)seen}; do
  line=${line%$'\r'}
  [[ $line == *offered:* ]] && print -r -- ${line#*offered:}
done
exit 0
