# SPDX-License-Identifier: MIT
"""Each source file says its licence in its first lines:  licence.py SOURCE_ROOT"""

import os
import sys

ENDINGS = (".c", ".h", ".cpp", ".hpp", ".h.in", ".py", ".sh", ".lua", ".map", ".pml", ".cmake.in", "meson.build")
looked = 0
without = []
for folder, folders, names in os.walk(sys.argv[1]):
    folders[:] = [name for name in folders
                  if name not in (".git", "corpus", "subprojects") and not os.path.exists(os.path.join(folder, name, "build.ninja"))]
    for name in names:
        if name.endswith(ENDINGS):
            looked += 1
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                if "SPDX-License-Identifier: MIT" not in file.read(200):
                    without.append(os.path.join(folder, name))
print(*without, sep="\n")
print(f"{looked} files, {len(without)} without a licence")
sys.exit(bool(without) or looked == 0)
