#!/bin/sh
# Builds the C parts into prebuilds/linux-ARCH: the addon (one shared object), the launcher (static, without libc) and
# the launcher's test build, which can be told to fail at any step.
set -eu
cd "$(dirname "$0")/.."

arch=${WARREN_ARCH:-$(node -p process.arch)}
out=prebuilds/linux-$arch
cc=${CC:-cc}
command -v "$cc" >/dev/null || {
  echo "warren: no C compiler ($cc): apt-get install gcc libc6-dev linux-libc-dev" >&2
  exit 1
}
mkdir -p "$out"

warnings='-Wall -Wextra -Werror -Wno-missing-field-initializers'
launcher_flags="-std=gnu11 -O2 -static -nostdlib -ffreestanding -fno-builtin -fno-stack-protector
  -fno-asynchronous-unwind-tables -fno-pie -no-pie -fcf-protection=none -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,norelro -s"
case $arch in
  arm64) launcher_flags=$(echo "$launcher_flags" | sed 's/-fcf-protection=none//') ;;
esac

# shellcheck disable=SC2086
"$cc" $warnings $launcher_flags -o "$out/warren-launcher.new" native/launcher/*.c
# shellcheck disable=SC2086
"$cc" $warnings $launcher_flags -DWARREN_FAULT -o "$out/warren-launcher-fault.new" native/launcher/*.c
# shellcheck disable=SC2086
"$cc" $warnings -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -DNAPI_VERSION=8 \
  -isystem node_modules/node-api-headers/include -Wl,-z,now -s -o "$out/warren.node.new" native/addon/*.c
for file in warren-launcher warren-launcher-fault warren.node; do
  mv "$out/$file.new" "$out/$file"
done
