#!/bin/sh
# Ends the servers of one run when their parent is gone, however it went: the parent holds our stdin, and the
# kernel closes it even after kill -9. Lines: "add PGID SIGNAL", "drop PGID" and "end SHELL COMMAND"; at the end of
# input every process group still listed gets its signal, those alive after 10 s are killed, the commands run, and
# the scratch folder goes.
# Own session and ignored signals: a Ctrl-C in the terminal must not end the guard before its wards.
trap '' INT TERM HUP QUIT
scratch=$1
wards=$scratch/wards
mkdir -p "$wards"
commands=
while read -r verb pgid signal; do
  case $verb in
    add) printf '%s' "$signal" >"$wards/$pgid" ;;
    drop) rm -f "$wards/$pgid" ;;
    end) commands="$commands $pgid $signal;" ;;
  esac
done
for file in "$wards"/*; do
  [ -e "$file" ] && kill -s "$(cat "$file")" -- "-${file##*/}" 2>/dev/null
done
tries=0
while [ $tries -lt 100 ]; do
  alive=
  for file in "$wards"/*; do
    [ -e "$file" ] && kill -0 -- "-${file##*/}" 2>/dev/null && alive=1
  done
  [ -z "$alive" ] && break
  tries=$((tries + 1))
  sleep 0.1
done
for file in "$wards"/*; do
  [ -e "$file" ] && kill -KILL -- "-${file##*/}" 2>/dev/null
done
[ -n "$commands" ] && sh -c "$commands"
rm -rf "$scratch"
