#!/bin/sh
# Stands for a C compiler and for an archiver where Rust is only type-checked: nothing is linked, so what it makes is empty.
is_output=
for argument; do
  case $argument in
    -o) is_output=1 ;;
    -Fo?*) : > "${argument#-Fo}" ;;
    -out:?*) : > "${argument#-out:}" ;;
    *.a | *.lib) : > "$argument" ;;
    *) [ -z "$is_output" ] || : > "$argument"; is_output= ;;
  esac
done
