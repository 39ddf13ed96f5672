#!/bin/busybox sh
# Process 1 of the virtual machine that scripts/vm.sh starts: mounts the root, runs the command, says how it ended.
if [ "${1-}" != --second ]; then
  busybox() { /bin/busybox "$@"; }
  busybox mkdir -p /proc /sys /dev /host /layer /new
  busybox mount -t proc proc /proc
  busybox mount -t sysfs sysfs /sys
  busybox mount -t devtmpfs dev /dev
  for module in virtio_pci virtio_console virtiofs overlay; do busybox modprobe "$module"; done
  busybox mount -t virtiofs -o ro host /host
  busybox mount -t tmpfs -o mode=755 layer /layer
  busybox mkdir /layer/upper /layer/work
  busybox mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /new
  version=$(busybox uname -r)
  cache=$(busybox cat /cache)
  busybox mkdir -p "/new/lib/modules/$version"
  busybox mount --bind "/host$cache/lib/modules/$version" "/new/lib/modules/$version"
  for directory in proc sys dev; do busybox mount --move /$directory /new/$directory; done
  busybox mount -t tmpfs -o mode=755 run /new/run
  busybox mkdir /new/run/vm
  busybox cp /bin/busybox /command /init /new/run/vm
  exec /bin/busybox switch_root /new /run/vm/busybox sh /run/vm/init --second
fi

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mkdir -p /dev/pts /dev/shm /run/lock /run/netns /var/lib/warren
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
# No layer above a layer: what holds layers itself must not be one.
mount -t tmpfs -o mode=700 warren /var/lib/warren
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || echo "cgroup2: no $controller"
done
/run/vm/busybox ip link set lo up
/run/vm/busybox hostname warren-vm

# A port can be opened once only, a pipe as often as one likes.
port=$(echo /dev/vport*p1)
port=${port%1}
mkfifo /run/vm/out /run/vm/err
cat /run/vm/out >"${port}1" &
out=$!
cat /run/vm/err >"${port}2" &
err=$!
code=0
/bin/sh /run/vm/command </dev/null >/run/vm/out 2>/run/vm/err || code=$?
# What it has left running may hold the pipes: it ends here.
kill -9 $(ls /proc | grep -E '^[0-9]+$' | grep -vxE "1|$out|$err") 2>/dev/null
wait "$out" "$err"
printf %s "$code" >"${port}3"
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
