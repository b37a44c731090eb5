"""Each format read back by a reader that is not ours, against what the test put in."""

import base64
import gzip
import json
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from chromium import DEADLINE
from described import NO_FRAME, Described, many_boxes, one_deep_stack, ordinary, shown
from firefox_profiler import DEPTH, FirefoxProfiler
from npm import fetched

PERIOD = 10_000_000  # ns: make_profile says 100 a second
PROFILE_PROTO = Path("/usr/share/gocode/src/github.com/google/pprof/proto/profile.proto")


@pytest.fixture(scope="session")
def make_profile(request):
    return request.config.getoption("--make-profile")


@pytest.fixture(scope="session")
def profiles(make_profile, tmp_path_factory):
    """Name > (what is in it, the folder that holds it in every format)."""
    made = {"ordinary": ordinary(), "empty": Described(), "idle": Described(threads=[(7, True, b"MainThread")]), "deep": one_deep_stack()}
    folder = tmp_path_factory.mktemp("profiles")
    return {name: (profile, profile.write(make_profile, folder / name)) for name, profile in made.items()}


# What one frame is in all formats that know places: (function, file, line).
def frame(place):
    return shown(place.function), shown(place.file), place.line if place.line > 0 else 0


def frames(stack):
    return tuple(frame(place) for place in stack) or ((NO_FRAME, "", 0),)


def expected(stacks):
    counts = Counter()
    for stack, weight in stacks.items():
        counts[frames(stack)] += weight
    return counts


def of_thread(profile, thread):
    return {stack: weight for (number, stack), weight in profile.stacks.items() if number == thread}


def thread_label(profile, thread):
    tid, _, name = profile.threads[thread]
    return f'Thread {tid} "{shown(name)}"' if name is not None else f"Thread {tid} (python3)"


def each(profiles):
    for name, (profile, folder) in profiles.items():
        for prefix in ("profile", "threads"):
            yield f"{name}/{prefix}", profile, folder, prefix == "threads", str(folder / prefix)


# Collapsed: the rule that all its readers share, a count behind the last blank and frames between semicolons


def test_collapsed(profiles):
    def element(place):
        return f"{shown(place.function)} ({shown(place.file)}{':%d' % place.line if place.line >= 0 else ''})".replace(";", ",")

    for name, profile, _, threads, path in each(profiles):
        found = Counter()
        for line in Path(path + ".folded").read_text("utf-8").split("\n")[:-1]:
            stack, count = line.rsplit(" ", 1)
            assert stack not in found, name
            found[tuple(stack.split(";"))] = int(count)
        wanted = Counter()
        for (thread, stack), weight in profile.stacks.items():
            root = (thread_label(profile, thread),) if threads else ()
            wanted[root + (tuple(element(place) for place in stack) or (NO_FRAME,))] += weight
        assert found == wanted, name


# Speedscope: its own schema, and its own program


@pytest.fixture(scope="session")
def speedscope():
    """The folder of speedscope as its npm package holds it."""
    return fetched("speedscope", "dist/release", "speedscope")


def test_speedscope_schema(profiles, speedscope):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft4Validator(json.loads((speedscope / "file-format-schema.json").read_text()))
    for name, profile, _, threads, path in each(profiles):
        document = json.loads(Path(path + ".speedscope.json").read_text("utf-8"))
        validator.validate(document)
        assert not any("\ud800" <= char <= "\udfff" for char in json.dumps(document, ensure_ascii=False)), name
        table = [(frame["name"], frame.get("file", ""), frame.get("line", 0)) for frame in document["shared"]["frames"]]
        found = {}
        for one in document["profiles"]:
            assert one["endValue"] == sum(one["weights"]) and len(one["samples"]) == len(one["weights"]), name
            found[one["name"]] = Counter({tuple(table[i] for i in stack): weight for stack, weight in zip(one["samples"], one["weights"])})
        if threads and profile.threads:
            wanted = {thread_label(profile, thread): of_thread(profile, thread) for thread in range(len(profile.threads))}
        else:
            wanted = {document["name"]: profile.folded()}
        for label, stacks in wanted.items():
            assert found.pop(label) == Counter({stack: weight * PERIOD for stack, weight in expected(stacks).items()}), name
        assert found == {}, name


def load_into_speedscope(chromium, speedscope, path, folder):
    """What speedscope shows of a file, which a script hands over as its own command line program does."""
    content, name = base64.b64encode(path.read_bytes()).decode(), path.name
    script = folder / (name + ".js")
    script.write_text(f"speedscope.loadFileFromBase64({json.dumps(name)}, {json.dumps(content)})")
    chromium.open("about:blank")
    chromium.open((speedscope / "index.html").as_uri() + "#localProfilePath=" + quote(str(script).lstrip("/"), safe=""))
    deadline = time.monotonic() + DEADLINE
    while chromium.evaluate("document.title") == "speedscope" and time.monotonic() < deadline:
        chromium.settle()
    chromium.key("2")  # "Left Heavy": its boxes are on a canvas, but the title tells what was loaded
    chromium.key("3")  # "Sandwich": functions as text
    return chromium.evaluate("document.title"), chromium.evaluate("document.body.innerText")


def test_speedscope_program(profiles, speedscope, chromium, tmp_path):
    """speedscope imports its own format, collapsed stacks and pprof; percentages are those of the samples."""
    _, folder = profiles["ordinary"]
    for ending, loads, module in ((".speedscope.json", ["950.00ms (48%)"] * 2, ["1.30s (65%)", "100.00ms (5.0%)"]),
                                  (".pb.gz", ["950.00ms (48%)"] * 2, ["1.30s (65%)", "100.00ms (5.0%)"]),
                                  (".folded", ["95 (48%)"] * 2, ["130 (65%)", "10 (5.0%)"])):
        title, text = load_into_speedscope(chromium, speedscope, folder / ("profile" + ending), tmp_path)
        assert title.endswith(" - speedscope"), (ending, text)
        words = [word.strip() for word in text.replace("\t", "\n").split("\n") if word.strip()]
        rows = {name.split(" (")[0]: [total, self] for total, self, name in zip(words, words[1:], words[2:])}
        assert rows["loads"] == loads and rows["<module>"] == module, (ending, text)


# Pprof: Google's protobuf, with pprof's own profile.proto


@pytest.fixture(scope="session")
def pprof_message(tmp_path_factory):
    if shutil.which("protoc") is None or not PROFILE_PROTO.exists():
        pytest.skip("protoc and pprof's profile.proto are not installed (tools/install-dependencies test)")
    descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
    from google.protobuf import descriptor_pb2, message_factory

    compiled = tmp_path_factory.mktemp("proto") / "profile.desc"
    subprocess.run(["protoc", f"-I{PROFILE_PROTO.parent}", f"--descriptor_set_out={compiled}", PROFILE_PROTO.name], check=True)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
        pool.Add(file)
    descriptor = pool.FindMessageTypeByName("perftools.profiles.Profile")
    get_class = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return get_class(descriptor)


def test_pprof(profiles, pprof_message):
    for name, profile, _, _, path in each(profiles):
        message = pprof_message.FromString(gzip.decompress(Path(path + ".pb.gz").read_bytes()))
        text = message.string_table
        assert text[0] == "" and len(set(text)) == len(text), name
        assert [(text[t.type], text[t.unit]) for t in message.sample_type] == [("samples", "count"), ("wall", "nanoseconds")]
        assert message.time_nanos == 1760000000123456789 and message.duration_nanos == profile.samples * PERIOD, name
        assert message.period == PERIOD, name
        assert (text[message.period_type.type], text[message.period_type.unit]) == ("wall", "nanoseconds")
        functions = {function.id: function for function in message.function}
        locations = {location.id: location for location in message.location}
        assert 0 not in functions and 0 not in locations and {mapping.id for mapping in message.mapping} == {1}
        assert text[message.mapping[0].filename] == "/usr/bin/python3.14" and message.mapping[0].has_line_numbers

        def frame_at(location):
            (line,) = location.line
            function = functions[line.function_id]
            return text[function.name], text[function.filename], line.line

        found = Counter()
        for sample in message.sample:
            labels = {text[label.key]: text[label.str] or label.num for label in sample.label}
            count, wall = sample.value
            assert wall == count * PERIOD, name
            found[labels["thread"], labels["tid"], tuple(frame_at(locations[number]) for number in reversed(sample.location_id))] += count
        wanted = Counter()
        for (thread, stack), weight in profile.stacks.items():
            wanted[thread_label(profile, thread), profile.threads[thread][0], frames(stack)] += weight
        assert found == wanted, name
        lines = {shown(place.function): max(0, place.first_line) for _, stack in profile.stacks for place in stack}
        assert {text[f.name]: f.start_line for f in message.function if text[f.name] != NO_FRAME} == lines, name


# Gecko: the invariants of the processed profile format as the Firefox Profiler documents them


def test_gecko(profiles):
    for name, profile, _, threads, path in each(profiles):
        document = json.loads(Path(path + ".gecko.json").read_text("utf-8"))
        assert document["meta"]["preprocessedProfileVersion"] == 60 and document["meta"]["interval"] == 10
        assert any(category["color"] == "grey" for category in document["meta"]["categories"])  # the default one
        shared = document["shared"]
        tables = [table for table in shared.values() if isinstance(table, dict)]
        tables += [thread[table] for thread in document["threads"] for table in ("samples", "markers")]
        for table in tables:
            assert {len(column) for column in table.values() if isinstance(column, list)} == {table["length"]}, name
        text, stacks = shared["stringArray"], shared["stackTable"]
        assert all(prefix is None or prefix < i for i, prefix in enumerate(stacks["prefix"])), name

        def frame_at(stack):
            number = stacks["frame"][stack]
            function = shared["frameTable"]["func"][number]
            source = shared["funcTable"]["source"][function]
            file = text[shared["sources"]["filename"][source]] if source is not None else ""
            return text[shared["funcTable"]["name"][function]], file, shared["frameTable"]["line"][number] or 0

        def path_to(stack):
            found = []
            while stack is not None:
                found.append(frame_at(stack))
                stack = stacks["prefix"][stack]
            return tuple(reversed(found))

        found = {}
        for thread in document["threads"]:
            samples = thread["samples"]
            assert samples["time"] == sorted(samples["time"]) and isinstance(thread["pid"], str), name
            found[thread["tid"]] = Counter({path_to(stack): weight for stack, weight in zip(samples["stack"], samples["weight"])})
        if threads and profile.threads:
            wanted = {tid: expected(of_thread(profile, thread)) for thread, (tid, _, _) in enumerate(profile.threads)}
        else:
            wanted = {4321: expected(profile.folded())}
        assert found == wanted, name


def by_function(stacks):
    counts = Counter()
    for stack, weight in stacks.items():
        counts[tuple(shown(place.function) for place in stack[:DEPTH]) or (NO_FRAME,)] += weight
    return counts


def test_firefox_profiler(profiles):
    """What its own code shows of the file: threads, and the tree of calls, by function."""
    if shutil.which("node") is None:
        pytest.skip("Node.js, which runs the Firefox Profiler, is not installed")
    program = fetched("@firefox-devtools/profiler-cli", "dist", "firefox-profiler") / "profiler-cli.js"
    for name, profile, _, threads, path in each(profiles):
        wanted = {4321: profile.folded()}
        if threads and profile.threads:
            wanted = {tid: of_thread(profile, thread) for thread, (tid, _, _) in enumerate(profile.threads)}
        labels = {tid: thread_label(profile, thread) if label is None else shown(label) for thread, (tid, _, label) in enumerate(profile.threads)}
        with FirefoxProfiler(program, path + ".gecko.json") as profiler:
            for handle, (tid, label) in profiler.threads().items():
                stacks = by_function(wanted.pop(tid))
                assert profiler.call_tree(handle) == (stacks, stacks.total()), name
                assert not (threads and profile.threads) or label == labels[tid], name
        assert wanted == {}, name


# HTML: what Chromium shows


def texts(chromium, selector):
    return chromium.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)")


def status(chromium):
    chromium.settle()
    return chromium.evaluate("document.getElementById('status').textContent")


def test_page_shows_the_profile(profiles, chromium):
    profile, folder = profiles["ordinary"]
    chromium.open((folder / "profile.html").as_uri())
    assert texts(chromium, "#target") == ["python3 -m shop.serve --name </script>\\xff"]
    assert "Python 3.14.2 free-threaded" in texts(chromium, "#facts")[0] and "3 threads" in texts(chromium, "#facts")[0]
    assert texts(chromium, "#counts-summary") == ["200 samples captured, 4 dropped (2.0%), 100.0 of 100.0 looks a second"]
    assert "dropped: cycle" in texts(chromium, "#counts-table tr")[8]
    assert status(chromium).startswith("all: total 200 samples, 100.0%")

    def cost(function):  # of the places of a function: the last one of a stack; any of a stack, once
        self = sum(weight for stack, weight in profile.folded().items() if stack and stack[-1].function == function)
        return self, sum(weight for stack, weight in profile.folded().items() if any(place.function == function for place in stack))

    rows = chromium.evaluate("[...document.querySelectorAll('#functions tbody tr')].map(row => [row.querySelector('.name').textContent,"
                             " ...[...row.querySelectorAll('small')].slice(0, 2).map(small => small.textContent.split(' ')[0])])")
    functions = {place.function for _, stack in profile.stacks for place in stack}
    assert {name: (int(self), int(total)) for name, self, total in rows} == {shown(function): cost(function) for function in functions}
    assert [int(row[1]) for row in rows] == sorted((int(row[1]) for row in rows), reverse=True)
    chromium.evaluate("document.querySelector('th[data-sort=total] button').click()")
    assert texts(chromium, "#functions .name")[0] == "Shop.handle"


def test_page_search_and_zoom(profiles, chromium):
    _, folder = profiles["ordinary"]
    chromium.open((folder / "profile.html").as_uri())
    chromium.key("/")
    assert chromium.evaluate("document.activeElement.id") == "search"
    for letter in "SESSION":
        chromium.key(letter)
    assert texts(chromium, "#matched") == ["25.0% matched (50 samples, 1 boxes)"]
    chromium.key("Enter")
    assert status(chromium).startswith("Session.execute, /srv/venv/")
    chromium.key("Escape")
    assert texts(chromium, "#matched") == [""]
    chromium.evaluate("regex.click(); const field = document.getElementById('search'); field.value = '^walk$|orm/';"
                      " field.dispatchEvent(new Event('input'))")
    assert texts(chromium, "#matched") == ["37.5% matched (75 samples, 6 boxes)"]
    chromium.evaluate("field.value = '('; field.dispatchEvent(new Event('input'))")
    assert chromium.evaluate("field.classList.contains('bad') && field.title !== ''")
    chromium.evaluate("field.value = ''; field.dispatchEvent(new Event('input')); canvas.focus()")

    chromium.key("Home")
    chromium.key("ArrowDown")  # the biggest called from the root
    assert status(chromium).startswith("<module>, /srv/shop/serve.py:1: total 130 samples, 65.0%; self 10 samples")
    chromium.key("ArrowRight")
    assert status(chromium).startswith("Shop.handle, /srv/shop/serve.py:20: total 55 samples")
    chromium.key("ArrowLeft")
    chromium.key("ArrowDown")
    chromium.key("Enter")
    assert texts(chromium, "#breadcrumbs .here") == ["Shop.handle"] and texts(chromium, "#breadcrumbs button") == ["all", "<module>"]
    chromium.key("ArrowDown")
    chromium.key("ArrowUp")
    assert status(chromium).startswith("Shop.handle")
    chromium.key("Backspace")
    assert texts(chromium, "#breadcrumbs .here") == ["all"]

    x, y = chromium.evaluate("(() => { const box = canvas.getBoundingClientRect(); return [box.left + 10, box.top + 28]; })()")
    chromium.mouse("mouseMoved", x, y)
    chromium.settle()
    tooltip = texts(chromium, "#tooltip")[0]
    assert tooltip.startswith("<module>/srv/shop/serve.py:1Total130 samples65.0%1.30 sSelf10 samples5.0%100 ms"), tooltip
    chromium.click(x, y)
    assert texts(chromium, "#breadcrumbs .here") == ["<module>"]
    chromium.evaluate("document.querySelector('#breadcrumbs button').click()")
    assert texts(chromium, "#breadcrumbs .here") == ["all"]
    chromium.key("?")
    assert chromium.evaluate("document.getElementById('help').open")
    assert chromium.requests() == ([(folder / "profile.html").as_uri()], [])


def test_page_turned_around(profiles, chromium):
    profile, folder = profiles["ordinary"]
    chromium.open((folder / "profile.html").as_uri())
    forward = texts(chromium, "#functions tbody tr")
    chromium.evaluate("canvas.focus()")
    chromium.key("c")
    assert texts(chromium, "#functions tbody tr") == forward
    chromium.key("ArrowDown")
    assert status(chromium).startswith("loads, /usr/lib/python3.14/json/__init__.py:290: total 95 samples, 47.5%; self 95 samples")
    chromium.key("ArrowDown")
    assert status(chromium).startswith("Shop.handle, /srv/shop/serve.py:20: total 95 samples, 47.5%; self 0 samples")
    chromium.key("ArrowDown")
    called = sum(weight for stack, weight in profile.folded().items() if len(stack) == 3 and stack[0].function == b"<module>" and
                 stack[2].function == b"loads")
    assert status(chromium).startswith(f"<module>, /srv/shop/serve.py:1: total {called} samples")
    chromium.key("c")
    chromium.key("ArrowDown")
    assert status(chromium).startswith("<module>, /srv/shop/serve.py:1: total 130 samples")
    chromium.evaluate("const choice = document.getElementById('thread'); choice.value = 'each'; choice.dispatchEvent(new Event('change'))")
    chromium.key("c")
    chromium.key("ArrowDown")
    chromium.key("ArrowDown")
    assert status(chromium).startswith("Session.execute, /srv/venv/lib/python3.14/site-packages/orm/session.py:100: total 50 samples")


def pixels(chromium):
    return chromium.evaluate("canvas.toDataURL()")


def test_page_threads_lines_theme_direction(profiles, chromium):
    profile, folder = profiles["ordinary"]
    chromium.open((folder / "threads.html").as_uri())
    chromium.evaluate("canvas.focus(); document.getElementById('lines').click()")
    assert chromium.evaluate("document.getElementById('thread').value") == "each"
    assert set(texts(chromium, "#thread option")[2:]) == {
        f"{thread_label(profile, thread)} ({sum(of_thread(profile, thread).values())})" for thread in range(3)}
    chromium.evaluate("canvas.focus()")
    chromium.key("ArrowDown")
    assert status(chromium).startswith(thread_label(profile, 0) + ": total 125 samples")
    chromium.evaluate("const choice = document.getElementById('thread'); choice.value = '1'; choice.dispatchEvent(new Event('change'));"
                      " canvas.focus()")
    assert status(chromium).startswith(thread_label(profile, 1) + ": total 55 samples, 100.0%")
    chromium.evaluate("choice.value = '0'; choice.dispatchEvent(new Event('change')); canvas.focus()")
    for _ in range(2):
        chromium.key("ArrowDown")
    assert status(chromium).startswith("Shop.handle:25, /srv/shop/serve.py:20: total 70 samples")  # line 31 is another box
    chromium.key("l")
    for _ in range(2):
        chromium.key("ArrowDown")
    assert status(chromium).startswith("Shop.handle, /srv/shop/serve.py:20: total 90 samples")

    icicle = pixels(chromium)
    chromium.key("i")
    assert pixels(chromium) != icicle and texts(chromium, "#direction") == ["Flame"]
    chromium.key("ArrowUp")  # now the called stand above
    assert status(chromium).startswith("Session.execute")
    grounds = []
    for _ in range(3):
        chromium.key("t")
        grounds.append((texts(chromium, "#theme")[0], chromium.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert [name for name, _ in grounds] == ["Theme: light", "Theme: dark", "Theme: auto"]
    assert grounds[0][1] == grounds[2][1] != grounds[1][1]
    chromium.open((folder / "threads.html").as_uri(), dark=True)
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[1][1]


def test_page_without_samples(profiles, chromium):
    for name in ("empty", "idle"):
        _, folder = profiles[name]
        chromium.open((folder / "profile.html").as_uri())
        assert chromium.evaluate("!document.getElementById('empty').hidden")
        for key in ("ArrowDown", "ArrowRight", "Enter", "Backspace", "n", "i", "l", "t", "c"):
            chromium.key(key)
        assert chromium.requests()[1] == []


def test_page_of_deep_stacks(profiles, chromium):
    _, folder = profiles["deep"]
    chromium.open((folder / "profile.html").as_uri())
    assert texts(chromium, "#functions .name") == ["descend", "sometimes"]
    assert chromium.evaluate("document.getElementById('scroll').scrollHeight") > 2000 * 15
    chromium.evaluate("const field = document.getElementById('search'); field.value = 'sometimes';"
                      " field.dispatchEvent(new Event('input')); canvas.focus()")
    chromium.key("n")
    assert status(chromium).startswith("sometimes, /srv/deep.py:50: total 10 samples, 10.0%")
    assert chromium.evaluate("document.getElementById('scroll').scrollTop") > 500 * 15
    chromium.key("Enter")
    assert len(texts(chromium, "#breadcrumbs button")) == 7 and "more" in texts(chromium, "#breadcrumbs")[0]


def test_page_of_many_boxes(make_profile, chromium, tmp_path):
    """100,000 boxes: a frame is drawn from what is in view, so drawing costs a fraction of building the page."""
    folder = many_boxes().write(make_profile, tmp_path / "many")
    chromium.open((folder / "profile.html").as_uri(), width=1600, height=1000)
    nodes = chromium.evaluate("JSON.parse(document.getElementById('profile').textContent).depth.length")
    assert nodes > 90_000
    chromium.evaluate("""
        window.calls = 0;
        for (const name of ["fillRect", "strokeRect", "fillText"]) {
            const original = CanvasRenderingContext2D.prototype[name];
            CanvasRenderingContext2D.prototype[name] = function (...values) { window.calls++; return original.apply(this, values); };
        }
        canvas.focus();
    """)
    chromium.key("ArrowDown")
    assert 0 < chromium.evaluate("window.calls") < 9 * 1600 * 2  # rows, pixels, a box and its text
    assert status(chromium).startswith("f0, /srv/module0.py")
