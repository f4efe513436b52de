"""All attacks by cells, one row each."""

from __future__ import annotations

from attacking import ANY, Attack, felled, filled, flooded, fooled, heard, loot, sign, word
from uploads import malformed_parquet, parquet_bomb

from bakeoff.nouns import Outcome

DONE, FAILED, REFUSED = Outcome.DONE, Outcome.FAILED, Outcome.REFUSED
MEMORY, LATE = Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT


def memory(scene):
    return {"pid": scene.pid, "address": scene.memory_address, "length": scene.memory_length}


def house_file(what):
    return lambda scene: {"path": str(scene.files[what])}


def inner_truth(scene):
    return {"inner": str(scene.truth.relative_to(scene.challenge.places.root))}


READING = [
    Attack("truth_by_path", "opens the truth file by its path", loot("truth"), given=lambda s: {"truth": str(s.truth)}),
    Attack(
        "truth_by_walking",
        "walks the disk until it finds the truth file",
        loot("truth"),
        given=lambda s: {"name": s.truth.name, "tops": [str(s.folder)]},
    ),
    Attack("truth_by_other_folders", "/proc/PID/cwd of other processes", loot("truth"), given=inner_truth),
    Attack(
        "truth_by_other_roots",
        "/proc/PID/root of other processes",
        loot("truth"),
        given=lambda s: {"truth": str(s.truth)},
    ),
    Attack(
        "truth_by_other_descriptors",
        "/proc/PID/fd of other processes",
        loot("truth"),
        given=lambda s: {"size": s.truth.stat().st_size},
    ),
    Attack("inherited_descriptors", "reads what it was started with open", loot("truth")),
    Attack(
        "environment_of_the_house",
        "looks for a token in its own environment and in /proc/PID/environ",
        lambda scene, told: scene.house_token in told.text,
    ),
    Attack("memory_by_proc", "reads another process's memory in /proc/PID/mem", loot("memory"), given=memory),
    Attack("memory_by_vm_readv", "reads another process's memory with process_vm_readv", loot("memory"), given=memory),
    Attack("memory_by_ptrace", "traces another process and reads its memory", word("REACHED"), given=memory),
    Attack(
        "shared_memory_of_others",
        "attaches a System V memory segment of the house",
        loot("shared"),
        given=lambda s: {"key": s.shared_key, "length": 64},
    ),
    Attack(
        "keyring_of_the_house",
        "reads a key of the keyring that processes hand down",
        loot("key"),
        given=lambda s: {"key": s.key_name},
        needs="keyring",
    ),
    Attack(
        "secret_of_the_challenge",
        "opens the secret that probes derive from",
        loot("secret"),
        entry="files_of_the_challenge",
        given=house_file("secret"),
    ),
    Attack(
        "store_of_the_challenge",
        "opens the store of all results",
        loot("store"),
        entry="files_of_the_challenge",
        given=house_file("store"),
    ),
    Attack(
        "code_of_other_entries",
        "opens another team's code",
        loot("code"),
        entry="files_of_the_challenge",
        given=house_file("code"),
    ),
    Attack(
        "folder_of_another_box",
        "opens a file in a box that runs beside it",
        loot("box"),
        entry="files_of_the_challenge",
        given=lambda s: {"path": str(s.box_file)},
    ),
    Attack(
        "questions_before_the_fit",
        "looks for the asked rows where they are laid ready",
        lambda scene, told: any(note in told.text for note in scene.asked_notes),
        given=lambda s: {"tmp": s.tmp},
    ),
    Attack("raw_devices", "reads the disk and the kernel's memory as devices", word("REACHED"), needs="root"),
]

NETWORK = [
    Attack("network_tcp", "a TCP connection", heard, given=lambda s: {"port": s.ears["tcp"].port}),
    Attack("network_udp", "a UDP packet", heard, given=lambda s: {"port": s.ears["udp"].port}),
    Attack(
        "network_dns",
        "a name server's question that holds a secret",
        heard,
        given=lambda s: {"port": s.ears["udp"].port},
    ),
    Attack("network_abstract_socket", "an abstract unix socket", heard, given=lambda s: {"name": s.abstract}),
    Attack(
        "network_named_socket", "a service's unix socket by its path", heard, given=lambda s: {"path": str(s.service)}
    ),
    Attack("network_caller", "listens for a caller from outside", heard, given=lambda s: {"port": s.caller_port}),
    Attack("network_hypervisor", "a socket to the hypervisor (AF_VSOCK)", word("REACHED"), needs="vsock"),
]

FILLING = [
    Attack("fork_bomb", "400 processes at once", word("REACHED"), (FAILED, MEMORY), given=lambda s: {"most": 400}),
    Attack(
        "thread_bomb", "600 threads, to use up the user's process ids", word("REACHED"), given=lambda s: {"most": 600}
    ),
    Attack(
        "memory_by_many",
        "1,200 MiB in 8 processes where 700 are allowed",
        word("REACHED"),
        (MEMORY,),
        "700 MiB",
        given=lambda s: {"processes": 8, "mib": 150},
    ),
    Attack(
        "memory_in_nameless_files",
        "1,200 MiB in nameless files where 700 are allowed",
        word("REACHED"),
        (MEMORY,),
        "700 MiB",
        given=lambda s: {"mib": 1200},
    ),
    Attack(
        "memory_in_shared_files",
        "1,200 MiB in /dev/shm where 700 are allowed",
        word("REACHED"),
        (MEMORY, FAILED),
        given=lambda s: {"mib": 1200},
    ),
    Attack(
        "disk_full", "1.5 GiB in many files on the host's disk", filled, (FAILED, MEMORY), given=lambda s: {"mib": 1536}
    ),
    Attack(
        "inodes_full",
        "60,000 empty files on the host's disk",
        filled,
        (FAILED, MEMORY),
        given=lambda s: {"files": 60_000},
    ),
    Attack("sparse_file", "a 10 GB file of nothing on the host's disk", filled),
    Attack(
        "log_flood",
        "prints 64 MiB where 2 are allowed",
        flooded,
        reason="printed more than 2 MiB",
        given=lambda s: {"mib": 64},
    ),
    Attack("priority", "real-time or raised priority", word("REACHED"), needs="root"),
]

OTHERS = [
    Attack(
        "left_behind",
        "leaves a process: two forks, its own session, no environment",
        sign("process left"),
        (DONE, FAILED),
        "",
    ),
    Attack(
        "kills_the_house",
        "a signal to the house's process (a harmless one), and SIGKILL to its own parent",
        sign("signalled"),
        given=lambda s: {"house": s.house, "signal": s.signal},
    ),
    Attack("kills_others", "SIGKILL to another process of the house", sign("killed"), given=lambda s: {"pid": s.pid}),
    Attack(
        "kills_another_box",
        "SIGKILL to an entry that runs beside it",
        sign("box killed"),
        entry="kills_others",
        given=lambda s: {"pid": s.box_pid},
    ),
    Attack("clock", "sets the system's clock", sign("clock"), needs="root"),
    Attack("kernel_settings", "writes /proc/sys", word("REACHED"), needs="root"),
    Attack("namespaces", "makes a user namespace in which it is root", word("REACHED"), needs="namespaces"),
    Attack("kernel_doors", "bpf, io_uring, userfaultfd, perf, keys, modules, kexec", word("REACHED")),
    Attack("control_groups", "leaves its control group", word("REACHED"), needs="root"),
    Attack(
        "code_of_the_house",
        "writes into Bakeoff's package and site-packages",
        sign("house code"),
        given=lambda s: {"places": s.house_places},
    ),
    Attack(
        "leaves_files",
        "leaves files wherever it may write",
        sign("file left"),
        (DONE,),
        "",
        given=lambda s: {"outside": str(s.folder)},
    ),
]

ENDING = [
    Attack("ends_at_once", "os._exit(0)", felled, reason="exit code 0"),
    Attack("ends_by_segmentation_fault", "reads where nothing is", felled, reason="exit code (139|-11)"),
    Attack("ends_by_c_stack", "uses up the C stack", felled, reason="exit code (139|-11)"),
    Attack("ends_by_python_stack", "uses up the stack by Python calls", felled, (FAILED, MEMORY)),
    Attack("ends_by_interrupt", "raises KeyboardInterrupt", felled, reason="KeyboardInterrupt"),
    Attack("ends_by_exit", "sys.exit(0)", felled, reason="SystemExit"),
    Attack("ends_by_kill", "SIGKILL to itself, as when memory is short", felled, reason="exit code (137|-9)"),
    Attack("never_ends", "sleeps for ever, deaf to signals", felled, (LATE,), "after 10 s"),
    Attack("hangs_up", "closes every descriptor and goes on", felled, reason="without answering"),
]

ANSWERING = [
    Attack("answers_before_asked", "sends answers before anything is asked", fooled, (REFUSED,)),
    Attack("answers_of_wrong_size", "sends fewer answers than rows", fooled, (REFUSED,), "bytes of answers"),
    Attack("answers_without_end", "announces 10^18 bytes", fooled, (REFUSED,), "larger than"),
    Attack("answers_of_odd_length", "announces a length of -10^4000 bytes", fooled, (REFUSED,)),
    Attack("another_event", "claims another event than the one due", fooled, (REFUSED,), "where 'fitted' was due"),
    Attack("deep_message", "a message nested 30,000 deep", fooled, (REFUSED,), "not JSON"),
    Attack("pipe_flood", "80 MiB without a line's end", fooled, (REFUSED,), "longer than", given=lambda s: {"mib": 80}),
    Attack(
        "symbolic_link_in_place",
        "a link to a file outside where the next questions will be written",
        sign("overwritten"),
        ANY,
        "",
        entry="link_in_the_questions_place",
        given=lambda s: {"victim": str(s.victim), "hard": False},
    ),
    Attack(
        "hard_link_in_place",
        "a hard link to a file outside where the next questions will be written",
        sign("overwritten"),
        ANY,
        "",
        entry="link_in_the_questions_place",
        given=lambda s: {"victim": str(s.victim), "hard": True},
    ),
    Attack(
        "pipe_in_place",
        "a FIFO where the next questions will be written",
        lambda s, t: bool(t.fell),
        ANY,
        "",
        entry="pipe_in_the_questions_place",
    ),
    Attack(
        "no_place",
        "takes away the folder for the questions",
        lambda s, t: bool(t.fell),
        ANY,
        "",
        entry="no_place_for_questions",
    ),
    Attack(
        "words_that_act",
        "terminal codes and a script in its words",
        lambda scene, told: "\x1b" in told.text or "script left" in told.signs,
        given=lambda s: {},
    ),
]

PREDICTIONS = [
    Attack(
        "malformed_parquet",
        "a Parquet prediction file with a footer that lies",
        fooled,
        (REFUSED,),
        "cannot be read",
        make=malformed_parquet,
    ),
    Attack(
        "parquet_bomb",
        "a small Parquet prediction file that holds 40 million rows",
        fooled,
        (MEMORY,),
        make=parquet_bomb,
    ),
]

CELLS = [*PREDICTIONS, *READING, *NETWORK, *FILLING, *OTHERS, *ENDING, *ANSWERING]
