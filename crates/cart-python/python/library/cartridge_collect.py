"""Collects the static files of the Django project in the working directory.

    python cartridge_collect.py ANSWER

The project's own manage.py is run, which knows its settings, up to the moment when it hands
over to Django. If the project wants its static files in one folder, they are brought there, and
ANSWER becomes a JSON object with that folder (`root`) and where they are in the site (`url`).
"""

import json
import os
import runpy
import sys


def main(answer):
    # As if manage.py had been called.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.getcwd()] + [path for path in sys.path if path != here]

    from django.core import management

    def collect(argv=None):
        import django
        from django.apps import apps
        from django.conf import settings

        django.setup()
        root = settings.STATIC_ROOT
        if not root or not apps.is_installed("django.contrib.staticfiles"):
            return
        management.call_command("collectstatic", interactive=False, verbosity=1)
        found = {"root": os.path.abspath(str(root)), "url": str(settings.STATIC_URL)}
        with open(answer, "w") as file:
            json.dump(found, file)

    management.execute_from_command_line = collect
    sys.argv = ["manage.py", "collectstatic", "--noinput"]
    runpy.run_path("manage.py", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
