#!/bin/sh
# Makes sure that a C compiler, the headers of Python and libc and the system libraries of the window are there, for the
# interpreter given as $1. `xvfb` is the display of the tests that show a window, `shared-mime-info` what makes our file
# type known to the desktop.
#
# Nothing is installed when a small program already compiles and every library is found. Otherwise root (or passwordless
# sudo) installs only what is missing, quietly; anyone else gets the exact command to run, and exit status 1 only if
# nothing can be built: without the window's libraries the command line works all the same.
set -eu

python=$1
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

compiles() { # compiles PREPROCESSOR_LINE COMPILER_FLAGS...: does a program with this line build?
    printf '%s\nint main(void) { return 0; }\n' "$1" >"$folder/probe.c"
    shift
    "${CC:-gcc}" "$@" -o "$folder/probe" "$folder/probe.c" >/dev/null 2>&1
}

missing=""
if ! compiles '#include <pthread.h>'; then
    missing="gcc libc6-dev"
fi
if [ ! -e "$include/Python.h" ]; then
    case $("$python" -c 'import sys; print(sys.base_prefix)') in
    /usr) missing="$missing python$minor-dev" ;;
    *)
        echo "$python has no headers: $include/Python.h is missing." >&2
        echo "Use another interpreter: make setup PYTHON=/usr/bin/python3" >&2
        exit 1
        ;;
    esac
fi
to_build=$missing

known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
while read -r library package; do
    case $known in
    *"$library "*) ;;
    *) missing="$missing $package" ;;
    esac
done <<'END'
libEGL.so.1 libegl1
libGL.so.1 libgl1
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
END
command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb libgl1-mesa-dri"
command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list)" ] || missing="$missing fontconfig fonts-dejavu-core"
command -v update-mime-database >/dev/null 2>&1 || missing="$missing shared-mime-info"
missing=${missing# }
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Scope builds small C parts and shows a window with Qt; missing here (names of Debian): $missing" >&2
    [ -z "$to_build" ]
    exit
fi
if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    echo "Scope builds small C parts and shows a window with Qt. Please install what it needs, then run make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $missing" >&2
    [ -z "$to_build" ]
    exit
fi

echo "Installing system packages: $missing"
install() {
    # shellcheck disable=SC2086 # word splitting is wanted: both are lists
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
        >"$folder/log" 2>&1
}
if ! install; then # most often the package lists are empty or old
    $as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$folder/update.log" 2>&1 || cat "$folder/update.log" >&2
    install || {
        cat "$folder/log" >&2
        echo "apt-get could not install: $missing" >&2
        [ -z "$to_build" ]
        exit
    }
fi
