"""A plain document of N parameters of 500 bytes, as a backup writes it: for the peers, where there is no Parados to write one.

    document.py N FILE
"""

import base64
import json
import random
import sys

count, path = int(sys.argv[1]), sys.argv[2]
rng = random.Random(1)
with open(path, "w", encoding="utf-8") as file:
    file.write('{"backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev","parameters":[\n')
    for number in range(count):
        name = f"/dev/service-{number % 40:02}/setting-{number:06}"
        record = {
            "Name": name,
            "Type": "SecureString",
            "Value": base64.b64encode(rng.randbytes(375)).decode(),
            "Version": 1,
            "LastModifiedDate": "2025-10-15T12:00:45.760000+00:00",
            "ARN": f"arn:aws:ssm:eu-west-1:123456789012:parameter{name}",
            "DataType": "text",
            "Description": f"Setting {number}",
            "Tier": "Standard",
            "Tags": [{"Key": "team", "Value": f"team-{number % 7}"}],
        }
        file.write(json.dumps(record, separators=(",", ":")) + (",\n" if number + 1 < count else "\n"))
    file.write(f'],"parameter_count":{count}}}\n')
