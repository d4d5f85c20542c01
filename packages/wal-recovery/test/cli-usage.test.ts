/** How the command line is called: what it says of itself, and of what was wrong. */
import { renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { offered } from '#src/cli/completion.js'
import { goldenLog, run, shell, temporaryDirectory, testOfVectors } from './command-line.js'

const COMMANDS = ['inspect', 'verify', 'dump', 'repair', 'stat', 'copy', 'completion']

test('every example stands on a line of its own that a terminal of 80 columns does not break', async t => {
  const screens = [[], ...COMMANDS.map(command => [command])]
  for (const command of screens) {
    const { code, stdout } = await run([...command, '--help'])
    t.is(code, 0, command.join())
    for (const line of stdout.split('\n')) t.true(line.length <= 80, line)
    const [, text] = stdout.split('Examples:\n')
    const lines = (text ?? '').split('\n\n')[0]?.trimEnd().split('\n') ?? []
    t.true(lines.length >= 2 && lines.length % 2 === 0, stdout)
    lines.forEach((line, at) => {
      t.regex(line, at % 2 === 0 ? /^ {2}flashstrike-wal \S/ : /^ {6}\S/, stdout)
    })
  }
})

test('wrong usage is told in the words that were typed, and where that command is explained', async t => {
  const none = temporaryDirectory(t)
  for (const [args, said, command] of [
    [['verify', none, '--jsn'], 'verify has no option --jsn: did you mean --json?', 'verify'],
    [['verify', '--jsn', none], 'verify has no option --jsn: did you mean --json?', 'verify'],
    [['verify', '-j', none], 'verify has no option -j: it has --json, --help, --version', 'verify'],
    [['copy', '--jsn', none, 'x'], 'copy has no option --jsn: did you mean --json?', 'copy'],
    [['dump', '-n', '5'], 'dump takes the directory of a log', 'dump'],
    [['dump', '--no-follow', '--last', '-1'], 'dump takes the directory of a log', 'dump'],
    [['repair', none, '--dry-rn'], 'repair has no option --dry-rn: did you mean --dry-run?', 'repair'],
    [['stat', none, '-q'], 'stat has no option -q: it has --json, --help, --version', 'stat'],
    [['copy', none], 'copy takes the directory of a log and the directory for the copy', 'copy'],
    [['verify', none, 'b'], 'verify takes the directory of a log and nothing else: b is too much', 'verify'],
    [['dump', none, '--format', 'xml'], '--format is "xml": it is one of table, jsonl, csv', 'dump'],
    [['dump', none, '--last'], '--last needs a value behind it', 'dump'],
    [['dump', none, '--limit', '--follow'], '--limit needs a value behind it', 'dump'],
    [['dump', none, '-n'], '-n needs a value behind it', 'dump'],
    [['dump', none, '--limit', ''], '--limit takes a number of events', 'dump'],
    [['dump', none, '--last', ' '], '--last takes a number of events', 'dump'],
    [['dump', none, '--limit', '1.5'], '--limit takes a number of events', 'dump'],
    [['completion', 'tcsh'], 'shell is "tcsh": it is one of bash, zsh, fish', 'completion'],
    [['verfy', none], 'there is no command verfy: did you mean verify?', ''],
    [
      ['constructor', none],
      'there is no command constructor: say inspect, verify, dump, repair, stat, copy or completion',
      '',
    ],
    [[], 'say what to do: inspect, verify, dump, repair, stat, copy or completion', ''],
  ] as const) {
    const { code, stdout, stderr } = await run(args)
    t.is(code, 2, said)
    t.is(stdout, '', said)
    const help =
      command === ''
        ? 'flashstrike-wal --help shows the commands'
        : `flashstrike-wal ${command} --help shows its options, with examples`
    t.is(stderr, `error: ${said}\n${help}\n`)
  }
})

testOfVectors('an option that is given twice counts as it was given last', async t => {
  const log = goldenLog(t, 'cold')
  const args = ['--fields', 'price', '--fields', 'event_id', '--format', 'jsonl', '--format', 'csv']
  const { stdout } = await run(['dump', log, '--limit', '5', '-n', '1', ...args])
  t.is(stdout, 'event_id\n1\n')
})

testOfVectors('what stands behind -- is a directory, whatever it is called', async t => {
  const log = goldenLog(t, 'cold')
  renameSync(log, join(dirname(log), '--yes'))
  const { code, stdout, stderr } = await shell(`cd '${dirname(log)}' && wal verify --json -- --yes`)
  t.is(code, 0, stdout + stderr)
  t.is(JSON.parse(stdout).state, 'clean')
})

test('a path that is - alone is a path, and one that is empty is none', async t => {
  const place = temporaryDirectory(t)
  for (const [args, said] of [
    ['verify -', `no log in ${place}/-`],
    ["verify ''", 'the path is empty; name the directory'],
    ["copy orders ''", 'copy needs a directory to copy to, and its path is empty'],
  ]) {
    const { code, stderr } = await shell(`cd '${place}' && wal ${args}`)
    t.is(code, 2, args)
    t.true(stderr.replaceAll(/\s+/g, ' ').includes(said ?? ''), `${args}: ${stderr}`)
  }
})

test('there is a script for bash, zsh and fish, and none for a shell that nobody knows', async t => {
  for (const [shell, text] of [
    ['bash', /^complete .*flashstrike-wal$/m],
    ['zsh', /^compdef .*flashstrike-wal$/m],
    ['fish', /^complete -c flashstrike-wal /m],
  ] as const) {
    const { code, stdout } = await run(['completion', shell], { SHELL: '/bin/none' })
    t.is(code, 0, shell)
    t.regex(stdout, text, shell)
    t.true(stdout.includes(`flashstrike-wal completion ${shell} >`), 'how to install it')
    t.is((await run(['completion'], { SHELL: `/usr/bin/${shell}` })).stdout, stdout, shell)
  }
  const { code, stderr } = await run(['completion'], { SHELL: '/bin/tcsh' })
  t.is(code, 2)
  t.regex(stderr, /no script for tcsh: name one of bash, zsh, fish/)
})

test('bash completes commands, options, their values and directories', async t => {
  t.deepEqual(offered('', ['--json', 'table']), ['table'])
  t.deepEqual(offered('--', ['--json', '--last']), ['--json', '--last'])
  const place = temporaryDirectory(t)
  const complete = (words: string) =>
    `COMP_WORDS=(flashstrike-wal ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _flashstrike_wal; ` +
    `echo "\${COMPREPLY[*]}"`
  const { code, stdout, stderr } = await shell(
    `flashstrike-wal() { wal "$@"; }; source <(wal completion bash); cd '${place}'; ` +
      `${complete('ver')}; ${complete('dump x --la')}; ${complete('dump x --format ""')}; ${complete("verify ''")}; ${complete('stat x --')}`,
  )
  t.is(stderr, '')
  t.is(code, 0)
  const [command, option, values, directory, options] = stdout.split('\n')
  t.is(command, 'verify')
  t.is(option, '--last')
  t.deepEqual(values?.split(' ').sort(), ['csv', 'jsonl', 'table'])
  t.is(directory, '', 'left to the shell')
  t.deepEqual(options?.split(' ').sort(), ['--help', '--json', '--version'])
})

testOfVectors('every command says what a log is under the same names', async t => {
  for (const name of ['cold', 'torn-rotated', 'corrupt-hole']) {
    const log = goldenLog(t, name)
    const gist = async (...args: string[]) => {
      const { state, bad, events, firstEventId, lastEventId } = JSON.parse(
        (await run([...args, '--json'])).stdout,
      )
      return { state, bad, events, firstEventId, lastEventId }
    }
    const verified = await gist('verify', log)
    t.true(verified.lastEventId > 0 && verified.firstEventId > 0, name)
    t.is(verified.bad === null, verified.state === 'clean', name)
    for (const command of ['inspect', 'stat'])
      t.deepEqual(await gist(command, log), verified, `${command} ${name}`)
    const plan = await gist('repair', log, '--mode', 'point-in-time', '--dry-run')
    t.deepEqual(plan, verified, `repair ${name}`)
    const summary = JSON.parse((await run(['verify', log, '--json'])).stdout)
    t.is(summary.firstId, summary.firstEventId, name)
    t.is(summary.lastId, summary.lastEventId, name)
    if (name !== 'cold') continue
    t.deepEqual(await gist('copy', log, `${log}-copy`), verified, 'copy')
  }
})
