#!/bin/sh
# Runs a command as root in a virtual machine: Debian's cloud kernel, cgroup2 alone, this machine's files.
#
#   scripts/vm.sh [--memory MIB] [--cpus N] [--timeout SECONDS] -- COMMAND [ARG…]
#
# The machine's root is this one's, read-only over virtiofs, with a layer in the guest's memory above it: what the command
# writes is gone with it. The command starts in the present directory, in the root control group, with an empty standard
# input; its output appears as it comes, and its exit code is ours. 124: the time limit; 125: the machine failed. There is
# no network but loopback. Modules of the guest's kernel are loaded when they are needed.
#
# The kernel is unpacked into a cache (WARREN_VM_CACHE, else ~/.cache/warren-vm), not installed; qemu is installed if missing.
# Everything else is in a temporary directory, and in mount and PID namespaces that end with this script.
set -eu

fail() {
  printf 'vm.sh: %s\n' "$*" >&2
  exit 125
}

# Inside the namespaces: shows the files, then becomes the machine.
#   --inside DIRECTORY MEMORY CPUS TIMEOUT CACHE VIRTIOFSD
if [ "${1-}" = --inside ]; then
  directory=$2 memory=$3 cpus=$4 timeout=$5 cache=$6 virtiofsd=$7
  mount --bind / "$directory/root"
  # Where they are on file systems of their own. Not what is mounted beside: nobody there needs the host's /proc.
  for path in "$PWD" "$cache" "$(dirname "$(command -v node || echo /usr/bin/node)")"; do
    mount --bind "$path" "$directory/root$path"
    mount -o remount,bind,ro "$directory/root$path"
  done
  mount -o remount,bind,ro "$directory/root"
  "$virtiofsd" --socket-path="$directory/files" -o source="$directory/root" -o cache=always -o sandbox=chroot \
    -o xattr -f >"$directory/virtiofsd.log" 2>&1 &
  while [ ! -S "$directory/files" ]; do
    kill -0 $! 2>/dev/null || fail "virtiofsd ended: $(cat "$directory/virtiofsd.log")"
    sleep 0.02
  done
  # Emulated by qemu 7.2, cmpxchg16b spoils the flags, over which Linux 6.12 falls.
  accel=tcg cpu=max,-cx16
  # A /dev/kvm without the processor's help (a guest under PVM has one) emulates: slower than qemu does, and not all of it.
  [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo && accel=kvm cpu=max
  # The ports take the command's stdout, its stderr and its exit code; the kernel's own words go to the serial line.
  exec timeout -k 5 "$timeout" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
    -machine "q35,accel=$accel,memory-backend=memory" -cpu "$cpu" -smp "$cpus" -m "$memory" \
    -object "memory-backend-memfd,id=memory,size=${memory}M,share=on" \
    -kernel "$cache/boot/vmlinuz" -initrd "$directory/initramfs" \
    -append "console=ttyS0 loglevel=4 panic=-1 cgroup_no_v1=all swapaccount=1" \
    -serial "file:$directory/console" \
    -chardev "socket,id=files,path=$directory/files" -device vhost-user-fs-pci,chardev=files,tag=host \
    -device virtio-serial-pci \
    -add-fd fd=3,set=1 -chardev file,id=out,path=/dev/fdset/1,append=on -device virtserialport,chardev=out,nr=1 \
    -add-fd fd=4,set=2 -chardev file,id=err,path=/dev/fdset/2,append=on -device virtserialport,chardev=err,nr=2 \
    -chardev "file,id=code,path=$directory/code" -device virtserialport,chardev=code,nr=3 \
    3>&1 4>&2 </dev/null >"$directory/qemu.log" 2>&1
fi

memory=2048 cpus=2 timeout=900
while [ $# -gt 0 ]; do
  case $1 in
    --memory | --cpus | --timeout)
      case ${2-} in '' | *[!0-9]*) fail "$1 takes a number" ;; esac
      case $1 in --memory) memory=$2 ;; --cpus) cpus=$2 ;; --timeout) timeout=$2 ;; esac
      shift 2
      ;;
    --)
      shift
      break
      ;;
    *) fail "unknown option $1; usage: vm.sh [--memory MIB] [--cpus N] [--timeout SECONDS] -- COMMAND [ARG…]" ;;
  esac
done
[ $# -gt 0 ] || fail 'which command? vm.sh [OPTIONS] -- COMMAND [ARG…]'
[ "$(id -u)" = 0 ] || fail 'it shows the machine’s files to the guest, and needs root for it'
[ "$(uname -m)" = x86_64 ] || fail "it knows x86_64 only, this is $(uname -m)"

find_virtiofsd() {
  for virtiofsd in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do [ -x "$virtiofsd" ] && return; done
  return 1
}
if ! command -v qemu-system-x86_64 >/dev/null || ! command -v busybox >/dev/null || ! find_virtiofsd; then
  echo '== installing qemu' >&2
  # From Debian 13 on virtiofsd is a package of its own.
  extra=$(apt-cache show virtiofsd >/dev/null 2>&1 && echo virtiofsd || :)
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 busybox-static $extra \
    >/dev/null 2>&1 || fail 'cannot install qemu-system-x86 (apt-get update?)'
  find_virtiofsd || fail 'there is no virtiofsd'
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/warren-vm.XXXXXX")
machine=
# The machine is process 1 of a PID namespace, which the kernel ends as soon as its parent is gone.
trap '[ -z "$machine" ] || { kill -KILL "$machine" 2>/dev/null; wait "$machine" 2>/dev/null; }; rm -rf "$directory"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

cache=${WARREN_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/warren-vm}
if [ ! -e "$cache/boot/vmlinuz" ]; then
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
  [ -n "$package" ] || fail 'apt knows no linux-image-cloud-amd64 (apt-get update?)'
  echo "== unpacking $package" >&2
  mkdir "$directory/kernel"
  (cd "$directory/kernel" && apt-get -o APT::Sandbox::User=root download -qq "$package" >/dev/null && dpkg -x ./*.deb . && rm ./*.deb) ||
    fail "cannot fetch $package"
  version=${package#linux-image-}
  mv "$directory/kernel/boot/vmlinuz-$version" "$directory/kernel/boot/vmlinuz"
  busybox depmod -b "$directory/kernel" "$version" || fail 'depmod failed'
  mkdir -p "$(dirname "$cache")"
  # As a whole, so that two of us at once do no harm: the second finds the directory there, and is content.
  mv -T "$directory/kernel" "$cache" 2>/dev/null || [ -e "$cache/boot/vmlinuz" ] || fail "cannot make $cache"
fi

mkdir -p "$directory/root" "$directory/initial/bin"
cp "$(command -v busybox)" "$directory/initial/bin/busybox"
# What mounts the root, with what that needs.
modules=$(cd "$cache/lib/modules" && echo *)
mkdir -p "$directory/initial/lib/modules/$modules"
cp "$cache/lib/modules/$modules/modules.dep" "$directory/initial/lib/modules/$modules"
grep -E '/(virtio_pci|virtio_console|virtiofs|overlay)\.ko:' "$cache/lib/modules/$modules/modules.dep" | tr ': ' '\n\n' |
  sort -u | (cd "$cache/lib/modules/$modules" && xargs cp --parents -t "$directory/initial/lib/modules/$modules")

quoted() {
  for word; do printf "'%s' " "$(printf '%s.' "$word" | sed "s/'/'\\\\''/g; \$s/\\.\$//")"; done
}
{
  printf 'cd %s\n' "$(quoted "$PWD")"
  printf 'export HOME=%s PATH=%s LANG=C.UTF-8\n' "$(quoted "${HOME:-/root}")" "$(quoted "$PATH")"
  printf 'exec %s\n' "$(quoted "$@")"
} >"$directory/initial/command"
printf '%s' "$cache" >"$directory/initial/cache"
cp "$(dirname "$0")/vm-init.sh" "$directory/initial/init"
chmod 755 "$directory/initial/init"
(cd "$directory/initial" && find . | busybox cpio -o -H newc 2>/dev/null) >"$directory/initramfs"

: >"$directory/console"
unshare --mount --pid --fork --kill-child --mount-proc --propagation private -- \
  sh "$0" --inside "$directory" "$memory" "$cpus" "$timeout" "$cache" "$virtiofsd" &
machine=$!
ended=0
wait "$machine" || ended=$?
machine=
[ "$ended" != 124 ] || {
  echo "vm.sh: it took longer than $timeout s, and was stopped" >&2
  exit 124
}
code=$(cat "$directory/code" 2>/dev/null || :)
case $code in
  '' | *[!0-9]*)
    cat "$directory/qemu.log" >&2 2>/dev/null || :
    sed "/Kernel panic/,\$d" "$directory/console" | tail -n 30 >&2
    fail 'the machine ended without an exit code; above are its last words'
    ;;
esac
exit "$code"
