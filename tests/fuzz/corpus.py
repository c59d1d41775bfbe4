# SPDX-License-Identifier: MIT
"""A corpus in one file: each line is an input in hexadecimal digits, or a name, a blank and that.

corpus.py unpack FILE FOLDER    one file for each input, as libFuzzer wants them
corpus.py pack FOLDER FILE      the other way; inputs that the file has under a name stay, whether they are in the folder or not

A name says that the input showed a mistake once: regression-NAME.
"""

import hashlib
import os
import sys


def read(path):
    """Inputs, and the names of those that have one."""
    named, others = {}, set()
    with open(path, encoding="ascii") as file:
        for line in file:
            *name, digits = line.split(" ")
            data = bytes.fromhex(digits)
            if name:
                named[name[0]] = data
            else:
                others.add(data)
    return named, others


def unpack(path, folder):
    named, others = read(path)
    os.makedirs(folder, exist_ok=True)
    for name, data in [*named.items(), *((hashlib.sha1(data).hexdigest(), data) for data in others)]:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


def pack(folder, path):
    named = read(path)[0] if os.path.exists(path) else {}
    others = set()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        if name.startswith("regression-"):
            named[name] = data
        else:
            others.add(data)
    with open(path, "w", encoding="ascii") as file:
        for name in sorted(named):
            file.write(f"{name} {named[name].hex()}\n")
        for data in sorted(others - set(named.values()), key=lambda data: (len(data), data)):
            file.write(data.hex() + "\n")


if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack"):
    sys.exit(__doc__)
(pack if sys.argv[1] == "pack" else unpack)(sys.argv[2], sys.argv[3])
