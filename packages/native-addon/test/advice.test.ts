import test from 'ava'
import { adviceFor } from '#src/advice.js'

/** What the systems' loaders have been seen to say, and what is said to it. */
const SAID: readonly (readonly [string, RegExp])[] = [
  ['/a.node: failed to map segment from shared object', /noexec/],
  ['/a.node: failed to map segment from shared object: Operation not permitted', /noexec/],
  ['/a.node: failed to map segment from shared object: Cannot allocate memory', /built from source/],
  ['/a.node: cannot open shared object file: Permission denied', /right to read it/],
  ['/a.node: wrong ELF class: ELFCLASS32', /another processor/],
  ['/a.node: cannot open shared object file: No such file or directory', /another processor/],
  ['libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory', /C library/],
  ['Error loading shared library /a.node: Exec format error', /another processor/],
  [
    "dlopen(/a.node, 0x0001): (mach-o file, but is an incompatible architecture (have 'x86_64'))",
    /processor/,
  ],
  ['\\\\?\\C:\\a.node is not a valid Win32 application.', /another processor/],
  ["/lib64/libc.so.6: version `GLIBC_2.34' not found (required by /a.node)", /older.*built from source/],
  ['/a.node: file too short', /^Delete node_modules and install again/],
]

for (const [text, expected] of SAID) {
  test(`the way out fits: ${text}`, t => {
    t.regex(adviceFor(new Error(text)), expected)
  })
}

test('nobody is told to install again where a right is missing', t => {
  for (const text of ['failed to map segment from shared object', 'Permission denied'])
    t.notRegex(adviceFor(new Error(text)), /install/)
})
