#!/usr/bin/env python3
"""Makes a picture of a terminal: text with colours on stdin, SVG on stdout.

`tmux capture-pane -e -p | docs/picture.py '$ occ sync' >docs/sync.svg`
"""

import html
import re
import sys

COLOURS = {31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2"}
WIDTH, HEIGHT = 8.4, 20


def spans(line, look):
    """The pieces of a line, each with how it looks. It begins as the line above ended."""
    for text, codes in re.findall(r"([^\x1b]+)|\x1b\[([0-9;]*)m", line):
        if text:
            yield text, dict(look)
            continue
        for code in [int(code or 0) for code in codes.split(";")]:
            if code == 0:
                look.clear()
            elif code == 1:
                look["font-weight"] = "bold"
            elif code == 2:
                look["fill-opacity"] = "0.6"
            elif code in (22, 39):
                for key in ("font-weight", "fill-opacity") if code == 22 else ("fill",):
                    look.pop(key, None)
            elif code in COLOURS or code - 60 in COLOURS:
                look["fill"] = COLOURS.get(code) or COLOURS[code - 60]


def main():
    lines = [sys.argv[1]] + sys.stdin.read().rstrip("\n ").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in lines]
    columns = max(map(len, plain))
    width, height = round(columns * WIDTH + 32), len(lines) * HEIGHT + 28
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">')
    print(f"<title>{html.escape(sys.argv[1])}</title>")
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#21252b"/>')
    print('<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" fill="#dcdfe4">')
    carried = {}
    for row, line in enumerate(lines):
        column = 0
        for text, look in spans(line, carried):
            if text.strip():
                x, y = 16 + column * WIDTH, 28 + row * HEIGHT
                style = "".join(f' {key}="{value}"' for key, value in look.items())
                fits = f'textLength="{len(text) * WIDTH:.1f}"'
                print(f'<text x="{x:.1f}" y="{y}" {fits} xml:space="preserve"{style}>{html.escape(text)}</text>')
            column += len(text)
    print("</g>\n</svg>")


main()
