#!/bin/sh
# Ends the servers of one run when their parent is gone, however it went: the parent holds our stdin, and the
# kernel closes it even after kill -9. Lines: "add PGID SIGNAL", "drop PGID" and "end SHELL COMMAND"; at the end of
# input every process group still listed gets its signal, those alive after 5 s are killed, the commands run, and
# the scratch folder goes.
# Own session and ignored signals: a Ctrl-C in the terminal must not end the guard before its wards.
# `kill -s`, since dash's kill does not take `-KILL --` before a negative number.
trap '' INT TERM HUP QUIT
scratch=$1
wards=$scratch/wards
mkdir -p "$wards"

# A dead one that nobody has reaped (state Z) is gone for us.
is_alive() {
  kill -s 0 -- "-$1" 2>/dev/null || return 1
  ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null
}
signal_all() {
  for file in "$wards"/*; do
    [ -e "$file" ] && kill -s "${1:-$(cat "$file")}" -- "-${file##*/}" 2>/dev/null
  done
}
any_alive() {
  for file in "$wards"/*; do
    [ -e "$file" ] && is_alive "${file##*/}" && return 0
  done
  return 1
}

commands=
while read -r verb pgid signal; do
  case $verb in
    add) printf '%s' "$signal" >"$wards/$pgid" ;;
    drop) rm -f "$wards/$pgid" ;;
    end) commands="$commands $pgid $signal;" ;;
  esac
done
signal_all
tries=0
while any_alive && [ $tries -lt 50 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
signal_all KILL
[ -n "$commands" ] && sh -c "$commands"
rm -rf "$scratch"
