#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes point downwards through the layers, that the types of a library stay in the
files that wrap it, and that every source names its licence.

    layering_test.py ROOT          the tree at ROOT
    layering_test.py --self-test   that each kind of violation is found when planted
"""

import pathlib
import re
import sys
import tempfile

# A layer is a folder. It may include the <mvm/…> headers that begin with one of these words.
LAYERS = {
    "base": ["mvm/base/"],
    "queuelayer": ["mvm/base/", "mvm/queuelayer/"],
    "oslayer": ["mvm/base/", "mvm/oslayer/"],
    "sdk": ["mvm/base/", "mvm/queuelayer/", "mvm/job.", "mvm/collectives.hpp", "mvm/composite.hpp",
            "mvm/detail/", "mvm/plugin.hpp", "mvm/types.hpp"],
    "componentlayer/model": ["mvm/base/", "mvm/queuelayer/wiring_plan.hpp", "mvm/model/"],
    "componentlayer/build": ["mvm/base/", "mvm/model/", "mvm/build/"],
    "componentlayer/run": ["mvm/base/", "mvm/queuelayer/", "mvm/oslayer/", "mvm/model/", "mvm/run/"],
    "apps/mvmq": ["mvm/base/", "mvm/queuelayer/"],
    "apps/mvm": ["mvm/"],
    "examples": ["mvm/job.", "mvm/plugin."],
}

# The headers that jobs include see only these beside themselves: each costs every job's build.
PUBLIC_SDK_MAY_INCLUDE = {
    "cstddef", "cstdint", "optional", "stddef.h", "stdint.h", "stdexcept", "string", "string_view",
    "type_traits", "utility", "vector", "mvm/job.h", "mvm/job.hpp", "mvm/collectives.hpp",
    "mvm/composite.hpp", "mvm/types.hpp", "mvm/detail/calls.hpp", "mvm/detail/collective_calls.hpp",
    "mvm/detail/exchange.hpp", "mvm/detail/receiving.hpp", "mvm/detail/value_bytes.hpp",
}

# A library: what its headers look like, and the only files of the layers that may include them.
LIBRARIES = {
    "Boost.Interprocess": (r"boost/interprocess/", [
        "queuelayer/src/arena.cpp",
        "queuelayer/src/arena_writer.cpp",
    ]),
    "Boost.Context": (r"boost/context/", ["sdk/fiber/context.cpp"]),
    "Boost, other": (r"boost/(?!interprocess/|context/)", []),
    "ZeroMQ": (r"zmq", ["queuelayer/src/link_keys.cpp", "queuelayer/src/zmq_carrier.cpp"]),
    "pugixml": (r"pugixml", [
        "componentlayer/model/src/shapes/graphml.cpp",
        "componentlayer/model/src/xml_document.cpp",
    ]),
    "libxml2": (r"libxml/", ["componentlayer/model/src/schema.cpp"]),
    "muParser": (r"muParser", ["componentlayer/model/src/expression.cpp"]),
    "METIS": (r"metis", ["componentlayer/model/src/partition.cpp"]),
    "hwloc": (r"hwloc", ["componentlayer/model/src/cores.cpp"]),
    "nlohmann-json": (r"nlohmann/", [
        "apps/mvm/group_view.cpp",
        "apps/mvm/json_line.cpp",
        "apps/mvm/run_graph.cpp",
        "componentlayer/model/src/plan_json.cpp",
        "componentlayer/run/src/channel_figures.cpp",
        "componentlayer/run/src/channel_figures.hpp",
        "componentlayer/run/src/status_report.cpp",
        "componentlayer/run/src/summary.cpp",
        "componentlayer/run/src/wait_report.cpp",
    ]),
    "OpenSSL": (r"openssl/", [
        "componentlayer/build/src/digest.cpp",
        "queuelayer/src/link_keys.cpp",
        "queuelayer/src/tls_stream.cpp",
        "queuelayer/src/codecs/aes_gcm.cpp",
    ]),
    "LZ4": (r"lz4", ["queuelayer/src/codecs/lz4.cpp"]),
    "Zstandard": (r"zstd", ["queuelayer/src/codecs/zstd.cpp"]),
    "ISA-L": (r"isa-l", ["queuelayer/src/codecs/crc32c.cpp"]),
    "CLI11": (r"CLI/", ["apps/mvm/command_line.cpp"]),
    "gSOAP": (r"stdsoap|soap[A-Z]", []),
    "libvirt": (r"libvirt/", []),
    "SOCI": (r"soci/", []),
}

APACHE, GPL = "Apache-2.0", "GPL-3.0-or-later"
LICENCES = {"componentlayer": GPL, "apps": GPL}  # every other layer is Apache-2.0

SOURCE_SUFFIXES = {".cpp", ".hpp", ".h", ".c"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def sources(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in SOURCE_SUFFIXES)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_include(root, layer, path, quoted, header):
    """What is wrong with one include, or None."""
    if quoted:
        homes = [path.parent, root / layer / "src", root / layer, root / layer / "include"]
        found = [home / header for home in homes if (home / header).is_file()]
        if not found:
            return f'"{header}" is not a file of {layer}; write <…> for what is below or outside'
        if root / layer not in found[0].resolve().parents:
            return f'"{header}" leads out of {layer}'
        return None
    if header.startswith("mvm/") and not any(header.startswith(w) for w in LAYERS[layer]):
        return f"<{header}> is not below {layer}, which may include: {', '.join(LAYERS[layer])}"
    if layer == "sdk" and "include" in path.relative_to(root / layer).parts:
        if header not in PUBLIC_SDK_MAY_INCLUDE:
            return f"<{header}> costs every job's build; the public SDK includes only light headers"
    return None


def check_libraries(relative, header):
    for library, (pattern, files) in LIBRARIES.items():
        if re.match(pattern, header) and relative not in files:
            allowed = ", ".join(files) or "nothing"
            yield f"<{header}> of {library} belongs to {allowed}; call what wraps it"


def check_licence(relative, text):
    licence = LICENCES.get(relative.split("/")[0], APACHE)
    first = text.split("\n", 1)[0]
    c_style = f"/* SPDX-License-Identifier: {licence} */"  # a C header may be read as C90
    if first != f"// SPDX-License-Identifier: {licence}" and first != c_style:
        yield f"the first line must be '// SPDX-License-Identifier: {licence}'"


def check_tree(root):
    """All violations as 'file:line: message'."""
    root = root.resolve()
    complaints = []
    used = set()
    for layer in LAYERS:
        for path in sources(root, layer):
            relative = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            complaints += [f"{relative}:1: {c}" for c in check_licence(relative, text)]
            for match in INCLUDE.finditer(text):
                bracket, header = match.groups()
                found = [check_include(root, layer, path, bracket == '"', header)]
                # An example is a program of its user's: it may use whatever library it likes.
                if bracket == "<" and layer != "examples":
                    found += check_libraries(relative, header)
                where = f"{relative}:{line_of(text, match.start())}"
                complaints += [f"{where}: {c}" for c in found if c]
                used |= {(name, relative) for name, (pattern, _) in LIBRARIES.items()
                         if re.match(pattern, header)}
    for library, (_, files) in LIBRARIES.items():
        complaints += [f"{f}:1: is listed for {library}, but does not include it"
                       for f in files if (library, f) not in used]
    return complaints


def self_test():
    """Plants one violation at a time into a small sound tree."""
    apache, gpl = (f"// SPDX-License-Identifier: {name}\n" for name in (APACHE, GPL))
    sound = {
        "base/src/units.cpp": apache + "#include <mvm/base/units.hpp>\n",
        "queuelayer/src/waiter.cpp": apache + '#include "waiter.hpp"\n#include <mvm/base/log.hpp>\n',
        "queuelayer/src/waiter.hpp": apache,
        "sdk/include/mvm/job.hpp": apache + "#include <string>\n",
        "apps/mvmq/main.cpp": gpl + "#include <mvm/queuelayer/queue_vm.hpp>\n",
    }
    # What every listed library needs, so that the sound tree has no stale row in the table.
    header_of = {"Boost.Interprocess": "boost/interprocess/x.hpp",
                 "Boost.Context": "boost/context/x.hpp", "pugixml": "pugixml.hpp",
                 "libxml2": "libxml/x.h", "muParser": "muParser.h", "METIS": "metis.h",
                 "hwloc": "hwloc.h", "nlohmann-json": "nlohmann/json.hpp", "CLI11": "CLI/CLI.hpp",
                 "ZeroMQ": "zmq.h", "OpenSSL": "openssl/evp.h", "LZ4": "lz4.h", "Zstandard": "zstd.h",
                 "ISA-L": "isa-l/crc.h", "Boost, other": "boost/graph/x.hpp"}
    for library, (_, files) in LIBRARIES.items():
        for name in files:
            licence = gpl if LICENCES.get(name.split("/")[0]) else apache
            sound[name] = sound.get(name, licence) + f"#include <{header_of[library]}>\n"

    planted = [  # file, what is put at its end or its whole content, what the complaint says
        ("base/src/units.cpp", "#include <mvm/queuelayer/arena.hpp>\n", "is not below base"),
        ("queuelayer/src/waiter.cpp", "#include <mvm/oslayer/machine.hpp>\n", "is not below queuelayer"),
        ("queuelayer/src/waiter.cpp", "# include <mvm/job.hpp>\n", "is not below queuelayer"),
        ("queuelayer/src/waiter.cpp", '#include "../../base/src/units.cpp"\n', "leads out of"),
        ("queuelayer/src/waiter.cpp", '#include "nowhere.hpp"\n', "is not a file of queuelayer"),
        ("queuelayer/src/waiter.cpp", "#include <zmq.hpp>\n", "of ZeroMQ belongs to"),
        ("queuelayer/src/waiter.hpp", "#include <boost/interprocess/offset_ptr.hpp>\n",
         "of Boost.Interprocess belongs to"),
        ("apps/mvmq/main.cpp", "#include <mvm/model/plan.hpp>\n", "is not below apps/mvmq"),
        ("sdk/include/mvm/job.hpp", "#include <chrono>\n", "costs every job's build"),
        ("componentlayer/model/src/schema.cpp", "#include <mvm/run/group_runner.hpp>\n",
         "is not below componentlayer/model"),
        ("componentlayer/model/src/cores.cpp", None, "does not include it"),
        ("base/src/log.cpp", "int nothing;\n", "the first line must be"),
        ("apps/mvmq/other.cpp", apache, "the first line must be"),
    ]
    failures = []
    for place, addition, wanted in [(None, "", None), *planted]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            tree = dict(sound)
            if place:
                tree[place] = gpl if addition is None else tree.get(place, "") + addition
            for name, text in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            complaints = check_tree(root)
            if place is None and complaints:
                failures.append(f"the sound tree is refused: {complaints}")
            if place and not (len(complaints) == 1 and complaints[0].startswith(place + ":")
                              and wanted in complaints[0]):
                failures.append(f"planted in {place}: {addition!r}, but found {complaints}")
    return failures


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = self_test() if sys.argv[1] == "--self-test" else check_tree(pathlib.Path(sys.argv[1]))
    print("\n".join(found) if found else "nothing wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
