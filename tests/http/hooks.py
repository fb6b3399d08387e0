"""What schemathesis asks takes no longer than it must: the long times of the description become short ones."""

import re

import schemathesis

TIME = re.compile(r"^([1-9][0-9]{0,3}ms|[1-5]?[1-9]s?|1m)$")


@schemathesis.hook
def map_query(context, query):
    if not isinstance(query, dict):
        return query
    if isinstance(query.get("wait"), str) and TIME.match(query["wait"]):
        query["wait"] = "1ms"
    # It is for commands, of which the description of a topic knows nothing; tests/promises/http.rs has it.
    if isinstance(query.get("confirm"), str) and TIME.match(query["confirm"]):
        del query["confirm"]
    return query


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Half of what is asked is made of frames that are in order, the other half is any text."""
    text = value if isinstance(value, str) else str(value)
    return (text + '\n["a", 1]').encode("utf-8", "surrogatepass")
