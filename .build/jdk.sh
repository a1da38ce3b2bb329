# Sourced by ./holdfast and ./verify: finds a JDK that is new enough.
# shellcheck shell=bash

HOLDFAST_JAVA=25

# Prints the major version of the JDK in folder $1, from its release file: starting each java would cost 50 ms.
holdfast_jdk_major() {
  local line version
  [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  while IFS= read -r line; do
    case $line in
      JAVA_VERSION=*)
        version=${line#JAVA_VERSION=}
        version=${version//\"/}
        version=${version%%[!0-9]*}
        [ -n "$version" ] || return 1
        REPLY=$version
        return 0
        ;;
    esac
  done <"$1/release"
  return 1
}

# Sets and exports JAVA_HOME, or says what to install and returns 1.
holdfast_find_jdk() {
  local candidate found='' java
  if [ -n "${JAVA_HOME:-}" ] && holdfast_jdk_major "$JAVA_HOME" && [ "$REPLY" -ge "$HOLDFAST_JAVA" ]; then
    export JAVA_HOME
    return 0
  fi
  java=$(command -v java || true)
  if [ -n "$java" ]; then
    java=$(readlink -f "$java")
    java=${java%/bin/java}
  fi
  for candidate in ${java:+"$java"} /usr/lib/jvm/* /opt/* /opt/java/* "${HOME:-/root}"/.sdkman/candidates/java/*; do
    if holdfast_jdk_major "$candidate"; then
      if [ "$REPLY" -eq "$HOLDFAST_JAVA" ]; then
        found=$candidate # the version that the tests ran with; a newer one only if it is missing
        break
      elif [ "$REPLY" -gt "$HOLDFAST_JAVA" ] && [ -z "$found" ]; then
        found=$candidate
      fi
    fi
  done
  if [ -z "$found" ]; then
    echo "holdfast: no JDK $HOLDFAST_JAVA or newer was found: install one (for example the package openjdk-$HOLDFAST_JAVA-jdk-headless, or Eclipse Temurin $HOLDFAST_JAVA) or set JAVA_HOME to it." >&2
    return 1
  fi
  export JAVA_HOME=$found
}

# Runs Maven in folder $1, quietly enough for a log. Maven's own libraries use Unsafe, and JDK 25 would say so each time.
holdfast_maven() {
  local root=$1
  shift
  if ! command -v mvn >/dev/null; then
    echo "holdfast: Maven was not found, and it is needed to build: install Maven 3.8 or newer (package maven)." >&2
    return 1
  fi
  (cd "$root" && MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow ${MAVEN_OPTS:-}" \
    mvn -B -ntp -Dstyle.color=never "$@")
}
