"""Says what the independent reference makes of logs.

    oracle.py DIR_OF_WALREF BOOT_ID

Reads JSON lines, writes one JSON line for each log:
    {"log": DIR}                                                the log as it is
    {"log": DIR, "file": NAME, "from": A, "to": B, "step": N}   with a bit flipped in byte A, A + N, … of a file, one at a time
"""
import json, os, sys, uuid

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import walref

boot = uuid.UUID(sys.argv[2]).bytes


def answer(log, **more):
    try:
        r = walref.Log(log, boot).report()
        bad = r['bad'] and [r['bad']['segment'], r['bad']['offset']]
        told = {'state': r['state'], 'bad': bad, 'events': r['events'], 'first': r['first_id'], 'last': r['last_id'], 'staged': r['staged'], 'proof': r['durable_proof'],
                'alone': r['events_in_blocks_that_verify_on_their_own'], 'sha256': r['payload_sha256'], 'why': r['bad'] and r['bad']['why'], 'notes': r['notes']}
    except SystemExit as e:
        told = {'unsupported': str(e)}
    print(json.dumps({**more, **told}), flush=True)


def put(path, at, byte):
    with open(path, 'r+b') as f:
        f.seek(at)
        f.write(bytes([byte]))


for line in sys.stdin:
    q = json.loads(line)
    if 'file' not in q:
        answer(q['log'])
        continue
    path = os.path.join(q['log'], q['file'])
    good = open(path, 'rb').read()
    for at in range(q['from'], q['to'], q['step']):
        put(path, at, good[at] ^ 1 << at * 7 % 8)
        answer(q['log'], at=at)
        put(path, at, good[at])
