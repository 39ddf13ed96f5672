#!/bin/sh
# Looks at the parameters that namespaces isolate, in those it is in, with nothing but a shell, find, grep and cat: the other way to find
# out what Warren says about them.
#
#   experiment.sh look            KEY <tab> w|r <tab> VALUE, one line a key: w where it can be opened for writing
#   experiment.sh change <KEYS    gives each key another value that the kernel takes: KEY <tab> VALUE
set -u
cd /proc/sys || exit 1
tab=$(printf '\t')

# Prints KEY:VALUE, its first line, for each key of the standard input. By grep, and all at once: a shell reads a byte at a time,
# and the kernel gives it one byte and no more.
values() {
  xargs grep -m 1 -sH '' || :
}

# Sets $value to its arguments, with single spaces.
normalize() {
  set -f
  # shellcheck disable=SC2048,SC2086
  set -- $*
  set +f
  value=$*
}

# Other values to try: each number a little larger or smaller, one at a time, the last first.
others() {
  unset IFS
  # shellcheck disable=SC2086
  set -- $1
  case $# in
    1) set -- "$(($1 + 1))" "$(($1 - 1))" 1 0 2 "$(($1 * 2))" "$(($1 / 2))" "$(($1 + 4096))" ;;
    2) set -- "$1 $(($2 + 1))" "$1 $(($2 - 1))" "$(($1 + 1)) $2" "0 0" ;;
    3) set -- "$1 $2 $(($3 + 1))" "$1 $2 $(($3 - 1))" "$1 $2 $(($3 + 4096))" ;;
    4) set -- "$1 $2 $3 $(($4 + 1))" ;;
  esac
  for other; do echo "$other"; done
}

case $1 in
  look)
    keys=$(find net user fs/mqueue kernel/msg* kernel/sem* kernel/shm* kernel/auto_msgmni kernel/hostname kernel/domainname \
      -type f 2>/dev/null | sort)
    # Also those that cannot be read: the first line of a key counts.
    {
      echo "$keys" | values
      echo "$keys" | sed 's/$/:/'
    } | LC_ALL=C sort -s -u -t : -k 1,1 | while IFS= read -r line; do
      key=${line%%:*}
      normalize "${line#*:}"
      # The redirection opens it; nothing is written.
      if { true >>"$key"; } 2>/dev/null; then can=w; else can=r; fi
      printf '%s\t%s\t%s\n' "$key" "$can" "$value"
    done
    ;;
  change)
    values | while IFS= read -r line; do
      key=${line%%:*}
      normalize "${line#*:}"
      old=$value
      case $key:$old in
        */tcp_congestion_control:*) set -- reno cubic ;;
        */hostname:* | */domainname:*) set -- experiment ;;
        # The kernel takes no -1 back.
        */*_next_id:*) continue ;;
        *:*[!0-9\ -]* | *:*[0-9]-* | *:) continue ;;
        *)
          IFS='
'
          # shellcheck disable=SC2046
          set -- $(others "$old")
          unset IFS
          ;;
      esac
      for other; do
        [ "$other" != "$old" ] || continue
        { printf '%s' "$other" >"$key"; } 2>/dev/null || continue
        normalize "$(cat "$key")"
        [ "$value" != "$old" ] || continue
        printf '%s%s%s\n' "$key" "$tab" "$value"
        break
      done
    done
    ;;
esac
