"""A directory tree, as people keep many files: an empty file an object, whose path says application,
user, name and time step, and whose extended attributes are the attributes; directories of symbolic
links for what has few values, tags among them. What has no directory is found by walking."""

import os

KEYS = ("name", "time_step", "user", "app", "energy", "created", "label", "kind")
# Those that the path has, in its order.
PATH_KEYS = ("app", "user", "name", "time_step")


class FilesStore:
    def __init__(self, root, first, kept):
        self.root = root
        self.objects = f"{root}/objects"
        self.known = set()
        if first:
            os.makedirs(self.objects)

    def load(self, objects):
        for name, attributes in objects:
            path = f"{self.objects}/{name}"
            self.directory(os.path.dirname(path))
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            for key, value in zip(KEYS, attributes):
                os.setxattr(path, f"user.{key}", str(value).encode())
            self.link(name, "kind", attributes[7])

    def settle(self):
        pass

    def tag(self, names, key, value):
        for name in names:
            path = f"{self.objects}/{name}"
            try:
                was = os.getxattr(path, f"user.{key}").decode()
                os.unlink(f"{self.root}/by/{key}/{was}/{flat(name)}")
            except OSError as error:
                if not isinstance(error, FileNotFoundError) and error.errno != 61:
                    raise
            os.setxattr(path, f"user.{key}", value.encode())
            self.link(name, key, value)

    def tag_where(self, question, key, value):
        names = self.find(question)
        self.tag(names, key, value)
        return len(names)

    def find(self, question):
        if "equal" not in question:
            return self.walk(question)
        equal = dict(question["equal"])
        if all(key in equal for key in PATH_KEYS):
            name = "/".join(str(equal[key]) for key in PATH_KEYS)
            return [name] if os.path.exists(f"{self.objects}/{name}") else []
        return [name for name in self.linked(equal)]

    def linked(self, equal):
        """By the links of one key; what else is asked stands in the path, or in the attributes."""
        key = next(key for key in equal if key not in PATH_KEYS)
        value = equal.pop(key)
        try:
            links = os.listdir(f"{self.root}/by/{key}/{value}")
        except FileNotFoundError:
            return
        for link in links:
            name = link.replace("|", "/")
            parts = dict(zip(PATH_KEYS, name.split("/")))
            if all(self.value(name, parts, key) == str(equal[key]) for key in equal):
                yield name

    def value(self, name, parts, key):
        if key in parts:
            return parts[key]
        return os.getxattr(f"{self.objects}/{name}", f"user.{key}").decode()

    def find_each(self, questions):
        return [name for question in questions for name in self.find(question)]

    def walk(self, question):
        """As `find ... -exec getfattr`, without starting a process for each."""
        if "infix" in question:
            key, text = question["infix"]
            matches = lambda value: text.encode() in value
        else:
            key, low, high = question["range"]
            matches = lambda value: low <= float(value) <= high
        start = len(self.objects) + 1
        names = []
        for directory, _, files in os.walk(self.objects):
            for file in files:
                path = f"{directory}/{file}"
                if matches(os.getxattr(path, f"user.{key}")):
                    names.append(path[start:])
        return names

    def fetch(self, question):
        for name in self.find(question):
            path = f"{self.objects}/{name}"
            yield name, {
                key.removeprefix("user."): os.getxattr(path, key).decode()
                for key in os.listxattr(path)
            }

    def count(self, question):
        return len(self.find(question))

    def link(self, name, key, value):
        directory = f"{self.root}/by/{key}/{value}"
        self.directory(directory)
        os.symlink(f"{self.objects}/{name}", f"{directory}/{flat(name)}")

    def directory(self, path):
        if path not in self.known:
            os.makedirs(path, exist_ok=True)
            self.known.add(path)


def flat(name):
    return name.replace("/", "|")
