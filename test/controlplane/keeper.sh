#!/bin/sh
# Keeps the processes of one control plane and ends with its parent, however the parent ends.
# usage: keeper.sh DIR     DIR holds NAME.sh for each process; all of DIR is removed at the end
# stdin:  "start NAME"     end of file: kill every process, remove DIR, exit
# stdout: "NAME pid N" when a process started, "NAME exit CODE" when it ended
dir=$1
started=""
trap : INT TERM HUP
trap '' PIPE

run() {
  sh "$dir/$1.sh" </dev/null >>"$dir/$1.log" 2>&1 &
  child=$!
  echo "$child" >"$dir/$1.pid"
  echo "$1 pid $child"
  wait "$child"
  code=$?
  rm -f "$dir/$1.pid"
  : >"$dir/$1.gone"
  echo "$1 exit $code"
}

while read -r verb name; do
  [ "$verb" = start ] || continue
  started="$started $name"
  rm -f "$dir/$name.gone"
  run "$name" 2>/dev/null &
done

# KILL and not TERM: a stopped process takes no other signal, and nothing here is worth saving.
for name in $started; do
  looks=0
  until [ -e "$dir/$name.gone" ] || [ "$looks" -gt 1500 ]; do
    looks=$((looks + 1))
    pid=$(cat "$dir/$name.pid" 2>/dev/null)
    # A number that nobody has is gone, whether or not anybody said so: the next process to get it is a stranger.
    [ -n "$pid" ] && { kill -KILL "$pid" 2>/dev/null || break; }
    sleep 0.02
  done
done
wait
rm -rf "$dir"
