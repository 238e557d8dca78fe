"""Makes a thumbnail of an image that comes as base64, and answers with a PNG as base64."""

import base64
import io

from PIL import Image, ImageOps

LARGEST_SIDE = 2048


def main(args):
    side = int(args.get("side", 128))
    if not 1 <= side <= LARGEST_SIDE:
        return {"error": f"side must be between 1 and {LARGEST_SIDE}"}
    try:
        image = Image.open(io.BytesIO(base64.b64decode(args["image"])))
        image.load()
    except KeyError:
        return {"error": "image is missing"}
    except (OSError, ValueError) as problem:
        return {"error": f"not an image: {problem}"}

    was = image.size
    image = ImageOps.exif_transpose(image).convert("RGB")
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    print(f"from {was[0]}x{was[1]} to {image.width}x{image.height}, {out.tell()} bytes")
    return {
        "width": image.width,
        "height": image.height,
        "image": base64.b64encode(out.getvalue()).decode("ascii"),
    }
