# SPDX-License-Identifier: MIT
"""Writes arena.api.json: of each exported function what its C declaration does not say, for makers of bindings.

    api.py --table TABLE OUTPUT HEADER...

{"functions": {NAME: {"nullable": [parameters], "blocks": bool, "transfers": [parameters], "statuses": [names]}}}

The table (include/arena/api.table explains it) has one line for each function that the headers declare.  What it says is
compared with the declarations, and a line too many or too few is an error: the file is right or there is none.
"""
import argparse
import json
import os
import re
import sys


class Mistake(Exception):
    pass


def code_of(path):
    """A header without comments and directives."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?:.*\\\n)*.*", "", text, flags=re.MULTILINE)


def split(parameters):
    """At the commas outside of parentheses."""
    parts, depth = [""], 0
    for character in parameters:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def parameter(text):
    """(name, is it a pointer?)"""
    match = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", text) or re.search(r"(\w+)\s*$", text)
    if match is None:
        raise Mistake(f"a parameter without a name: {text}")
    return match.group(1), "*" in text


def declared(paths):
    """{name: (result, {parameter: is it a pointer?})}"""
    functions = {}
    for path in paths:
        for declaration in re.findall(r"\bARENA_API\b([^;]*);", code_of(path)):
            text = " ".join(re.sub(r"\bARENA_[A-Z_]+\b(?:\([^()]*\))?", " ", declaration).split())
            match = re.fullmatch(r"(.*?)\b(arena_\w+) ?\((.*)\)", text)
            if match is None:
                raise Mistake(f"{path}: not a function: {text}")
            result, name, parameters = match.groups()
            parts = [part for part in split(parameters) if part not in ("void", "...")]
            functions[name] = (result.strip(), dict(parameter(part) for part in parts))
    return functions


def statuses_in(paths):
    text = "".join(code_of(path) for path in paths)
    match = re.search(r"enum arena_status \{(.*?)\}", text, flags=re.DOTALL)
    return re.findall(r"\bARENA_\w+", match.group(1)) if match else []


def table_of(path):
    """{name: [NULL is legal, transfers, waits, statuses]}, each a list of words."""
    lines = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) < 5:
                raise Mistake(f"{path}:{number}: expected a name and four columns, `-` where there is nothing")
            if words[0] in lines:
                raise Mistake(f"{path}:{number}: {words[0]} is there twice")
            columns = [word.split(",") for word in words[1:4]] + [words[4:]]
            lines[words[0]] = [[] if column == ["-"] else column for column in columns]
    return lines


def described(name, declaration, columns, known_statuses):
    result, parameters = declaration
    nullable, transfers, waits, statuses = columns
    for word in nullable:
        if not parameters.get(word):
            raise Mistake(f"{name}: `{word}` is no pointer among its parameters: {', '.join(parameters) or 'none'}")
    for word in transfers:
        if word not in parameters:
            raise Mistake(f"{name}: `{word}` is none of its parameters: {', '.join(parameters) or 'none'}")
    if waits not in ([], ["waits"]):
        raise Mistake(f"{name}: the column of waits holds `waits` or `-`")
    names = ["ARENA_" + status for status in statuses]
    for status in names:
        if status not in known_statuses:
            raise Mistake(f"{name}: no status {status}")
    if (result == "int") != bool(names):
        raise Mistake(f"{name} returns {result}: it " + ("can fail, and no status is named" if not names else "has none"))
    names = ["ARENA_OK"] * bool(names) + names
    return {"nullable": nullable, "blocks": bool(waits), "transfers": transfers, "statuses": names}


def api(table_path, headers):
    functions = declared(headers)
    lines = table_of(table_path)
    known_statuses = statuses_in(headers)
    missing = sorted(functions.keys() - lines.keys())
    if missing:
        raise Mistake(f"{table_path}: no line for {', '.join(missing)}")
    unknown = sorted(lines.keys() - functions.keys())
    if unknown:
        raise Mistake(f"{table_path}: no header declares {', '.join(unknown)}")
    return {name: described(name, functions[name], lines[name], known_statuses) for name in sorted(functions)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", required=True)
    parser.add_argument("output")
    parser.add_argument("headers", nargs="+")
    options = parser.parse_args()
    try:
        functions = api(options.table, options.headers)
    except Mistake as mistake:
        sys.exit(f"{os.path.basename(__file__)}: {mistake}")
    with open(options.output, "w", encoding="utf-8") as out:
        lines = [f"  {json.dumps(name)}: {json.dumps(functions[name])}" for name in functions]
        out.write('{\n "functions": {\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main()
