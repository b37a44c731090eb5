"""Records program.py under every interpreter of the machine: record.py FUZZ_RECORD FOLDER [OUTPUT OF tests/pythons/find]"""
import json
import platform
import subprocess
import sys
from pathlib import Path

recorder, folder, *pythons = sys.argv[1:]
interpreters = [json.loads(line) for path in pythons for line in Path(path).read_text().splitlines()]
commands = {i["id"]: i["argv"] for i in interpreters if i["architecture"] == platform.machine()} or {"python3": [sys.executable]}
Path(folder).mkdir(exist_ok=True)
for name, argv in commands.items():
    output = Path(folder, name + ".recording")
    subprocess.run([recorder, output, "--program", Path(__file__).with_name("program.py"), *argv], check=True, timeout=60)
