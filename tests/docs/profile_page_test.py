#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/profile.md describes profiles/profile.xsd: every element, attribute and word that the schema
allows stands in the page's code, and the elements and attributes of the page's examples exist.

Usage: profile_page_test.py [--self-test] SOURCE_FOLDER
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

XS = "{http://www.w3.org/2001/XMLSchema}"


def schema_words(schema):
    """(elements, attributes, enumerated values) of the schema."""
    root = xml.fromstring(schema)
    named = lambda tag: {item.get("name") for item in root.iter(XS + tag)}
    return named("element"), named("attribute"), {e.get("value") for e in root.iter(XS + "enumeration")}


def missing_from_page(schema, page):
    """What the schema allows and the page does not mention in code."""
    code = " ".join(re.findall(r"```.*?```|`[^`]*`", page, re.DOTALL))
    elements, attributes, values = schema_words(schema)
    missing = [f"<{name}>" for name in sorted(elements) if not re.search(rf"<{name}[ >/]", code)]
    for word in sorted(attributes | values):
        if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code):
            missing.append(word)
    return missing


def unknown_in_examples(schema, page):
    """Elements and attributes of the page's XML that the schema does not have."""
    elements, attributes, _ = schema_words(schema)
    unknown = []
    for example in re.findall(r"```xml\n(.*?)```", page, re.DOTALL):
        body = re.sub(r"<\?xml.*?\?>| xmlns=\"[^\"]*\"", "", example)
        for item in xml.fromstring(f"<examples>{body}</examples>").iter():
            if item.tag != "examples" and item.tag not in elements:
                unknown.append(f"<{item.tag}>")
            unknown += [name for name in item.attrib if name not in attributes]
    return unknown


def self_test(schema, page):
    for word in ("latency", "butterfly", "wall-time"):
        if word not in missing_from_page(schema, page.replace(word, "…")):
            return f"a page without {word} passes"
    if "<on-failure>" not in missing_from_page(schema, page.replace("<on-failure", "<…")):
        return "a page without <on-failure> passes"
    if unknown_in_examples(schema, page.replace("<graph", "<grpah")) == []:
        return "an example with an unknown element passes"
    return None


def main(arguments):
    root = pathlib.Path(arguments[-1])
    schema = (root / "profiles/profile.xsd").read_text(encoding="utf-8")
    page = (root / "docs/profile.md").read_text(encoding="utf-8")
    if "--self-test" in arguments:
        if complaint := self_test(schema, page):
            sys.exit(f"profile_page_test: {complaint}")
        return
    missing = missing_from_page(schema, page)
    unknown = unknown_in_examples(schema, page)
    for word in missing:
        print(f"docs/profile.md does not tell of {word}, which profiles/profile.xsd allows")
    for word in unknown:
        print(f"docs/profile.md has {word} in an example, which profiles/profile.xsd does not know")
    sys.exit(1 if missing or unknown else 0)


main(sys.argv[1:])
