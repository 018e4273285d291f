#!/bin/sh
# `make fresh`: a Debian that has only its Python, pip, git and make, the commits of this checkout cloned into it, and in
# there `make demo` and `make test`, as somebody does who has just heard of Scope.
#
# The system lies in a temporary folder under out/ and is removed at the end, also after Ctrl+C (FRESH_KEEP=1 keeps it).
# It runs in mount and process namespaces of its own: whatever it mounts or starts is gone with it. How apt and pip reach
# their packages is taken from this system as it is (sources, keys, certificates, proxies); nothing of it is written down
# in the project. FRESH_SUITE names another suite than this system's, FRESH_RUN other commands.
#
# Exit status: that of the commands; 0 with one sentence where such a system cannot be made here.
set -eu

cd "$(dirname "$0")/.."
run=${FRESH_RUN:-make demo && make test}

cannot() {
    echo "make fresh: skipped, $1"
    exit 0
}
[ "$(id -u)" = 0 ] || cannot "making a system in a folder needs root"
PATH="$PATH:/usr/sbin:/sbin"
for tool in debootstrap apt-get unshare chroot git; do
    command -v "$tool" >/dev/null 2>&1 || cannot "$tool is missing (Debian: apt-get install debootstrap util-linux git)"
done
unshare --mount --pid --fork true 2>/dev/null || cannot "this system allows no namespaces of its own (a container?)"

# shellcheck disable=SC2016 # apt's own variables
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sed -n 's/ main$//p')
mirror=$(echo "$sources" | sed -n '/-security$/d; /-updates$/d; s/ .*//p' | head -n 1)
suite=${FRESH_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-}")}
[ -n "$mirror" ] && [ -n "$suite" ] || cannot "apt knows no Debian repository on this system (apt-get update?)"

mkdir -p out
folder=$(mktemp -d "$PWD/out/fresh.XXXXXX")
system=$folder/system
remove() {
    [ -n "${FRESH_KEEP:-}" ] && echo "kept: $system" || rm -rf --one-file-system "$folder"
}
trap remove EXIT
trap 'exit 130' INT TERM HUP

echo "make fresh: a bare $suite in ${folder#"$PWD/"}"
if ! debootstrap --variant=minbase --include=python3,python3-pip,git,make,ca-certificates \
    "$suite" "$system" "$mirror" >"$folder/debootstrap.log" 2>&1; then
    tail -n 3 "$folder/debootstrap.log"
    cannot "debootstrap could not make a bare $suite"
fi

# The way to packages, as this system has it.
rm -rf "$system"/etc/apt/sources.list "$system"/etc/apt/sources.list.d
for config in /etc/apt /etc/ssl/certs /usr/local/share/ca-certificates /usr/share/keyrings /etc/pip.conf /etc/xdg/pip \
    /etc/resolv.conf /etc/hosts "$HOME/.config/pip" "$HOME/.pip"; do
    [ -e "$config" ] || continue
    mkdir -p "$system$(dirname "$config")"
    cp -aL "$config" "$system$(dirname "$config")/" 2>/dev/null || true
done
# Other repositories of this system (a vendor's, a cloud's) are none of a bare Debian's.
for list in "$system"/etc/apt/sources.list.d/*; do
    case $(cat "$list") in *"$mirror"* | *"${mirror%/}"*) ;; *) rm -f "$list" ;; esac
done

git clone --quiet --no-hardlinks . "$system/root/scope"

cat >"$folder/inside.sh" <<'END'
set -e
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sys "$1/sys"
mount -t tmpfs -o mode=755 dev "$1/dev"
for node in null zero full random urandom tty; do
    : >"$1/dev/$node"
    mount --bind "/dev/$node" "$1/dev/$node"
done
mkdir "$1/dev/shm" "$1/dev/pts"
mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 pts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
exec chroot "$1" /bin/sh -c "cd /root/scope && $2"
END
# A terminal's worth of environment, and what tells pip and others how to reach their packages.
kept=$(env | sed -n 's/^\(PIP_[A-Z_]*\|[A-Za-z]*_proxy\|[A-Z]*_PROXY\|SSL_CERT_[A-Z]*\|REQUESTS_CA_BUNDLE\|PYTEST_ADDOPTS\)=.*/\1/p')
set --
for name in $kept; do
    set -- "$@" "$name=$(printenv "$name")"
done
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb CI="${CI:-}" "$@" \
    unshare --mount --pid --ipc --uts --fork --kill-child --propagation private \
    /bin/sh "$folder/inside.sh" "$system" "$run" </dev/null
