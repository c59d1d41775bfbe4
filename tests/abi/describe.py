# SPDX-License-Identifier: MIT
"""A binary interface in plain text, from what abidw writes:  describe.py FILE.abi HEADERS_DIR

A line for each function, with its symbol version; for each type that the headers define its layout: offsets and sizes in bytes.
"""

import glob
import os
import re
import sys
import xml.etree.ElementTree


class Corpus:
    def __init__(self, path, headers_dir):
        self.defined = set()
        for header in glob.glob(os.path.join(headers_dir, "**", "*.h"), recursive=True):
            with open(header, encoding="utf-8") as file:
                self.defined.update(re.findall(r"^(?:struct|union|enum) (\w+) \{", file.read(), flags=re.MULTILINE))
        self.root = xml.etree.ElementTree.parse(path).getroot()
        self.types = {node.get("id"): node for node in self.root.iter() if node.get("id") is not None}

    def spell(self, identity, inner=""):
        """A declaration in C of `inner`, which has that type."""
        node = self.types[identity]
        kind = node.tag
        if kind == "pointer-type-def":
            target = self.types[node.get("type-id")]
            pointer = "*" + inner
            return self.spell(node.get("type-id"), f"({pointer})" if target.tag == "function-type" else pointer)
        if kind == "qualified-type-def":
            words = "".join(word + " " for word in ("const", "volatile", "restrict") if node.get(word) == "yes")
            if self.types[node.get("type-id")].tag == "pointer-type-def":
                return self.spell(node.get("type-id"), " " + words + inner)
            return words + self.spell(node.get("type-id"), inner)
        if kind == "array-type-def":
            return self.spell(node.get("type-id"), inner + "".join(f"[{part.get('length')}]" for part in node.iter("subrange")))
        if kind == "function-type":
            return self.spell_function(node, inner)
        name = node.get("name")
        if kind in ("class-decl", "union-decl", "enum-decl"):
            word = {"class-decl": "struct", "union-decl": "union", "enum-decl": "enum"}[kind]
            name = f"{word} {name}" if node.get("is-anonymous") != "yes" else f"{word} of no name"
        return f"{name} {inner}" if inner else name

    def spell_function(self, node, name):
        parameters = ["..." if part.get("is-variadic") == "yes" else self.spell(part.get("type-id"))
                      for part in node.findall("parameter")]
        result = node.find("return")
        return self.spell(result.get("type-id"), f"{name}({', '.join(parameters) or 'void'})")

    def symbols(self):
        """A line for each that is exported: functions with what they take and give, variables with their size."""
        known = {}
        for node in [*self.root.iter("function-decl"), *self.root.iter("var-decl")]:
            symbol = (node.get("elf-symbol-id") or node.get("name")).split("@")[0]
            if node.get("elf-symbol-id") is not None or symbol not in known:
                known[symbol] = (self.spell_function(node, node.get("name")) if node.tag == "function-decl"
                                               else self.spell(node.get("type-id"), node.get("name")))
        for node in self.root.iter("elf-symbol"):
            if node.get("is-defined") == "yes":
                name = node.get("name")
                yield name, f"{known.get(name, name + ': abidw does not say')}  {node.get('version')}"

    def layouts(self):
        """Lines for each type of the library's that a program sees: what is behind a handle is no part of the interface."""
        seen = {}
        for node in self.types.values():
            if node.get("name") not in self.defined:
                continue  # a handle's, or another library's
            if node.tag in ("class-decl", "union-decl") and node.get("is-declaration-only") != "yes":
                lines = [f"{self.spell(node.get('id'))}: {int(node.get('size-in-bits')) // 8} bytes"]
                for member in node.findall("data-member"):
                    variable = member.find("var-decl")
                    offset = int(member.get("layout-offset-in-bits") or 0) // 8
                    lines.append(f"    {offset:3} {self.spell(variable.get('type-id'), variable.get('name'))}")
                seen[lines[0]] = lines
            elif node.tag == "enum-decl":
                lines = [self.spell(node.get("id")) + ":"]
                lines += [f"    {part.get('name')} = {part.get('value')}" for part in node.findall("enumerator")]
                seen[" ".join(lines)] = lines
        for key in sorted(seen):
            yield from seen[key]


corpus = Corpus(sys.argv[1], sys.argv[2])
print(corpus.root.get("soname"), corpus.root.get("architecture"))
for _, line in sorted(corpus.symbols()):
    print(line)
for line in corpus.layouts():
    print(line)
