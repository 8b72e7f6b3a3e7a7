"""The limits of a good portrait, each with where it comes from, and the frame of the picture on the card.

ISO/IEC 19794-5 and ICAO Doc 9303-3 describe the picture; the numbers that only this way of measuring has (sharpness,
light) were set by pictures that are known to be good and bad (`tests/unit/photo_check`).
"""

from __future__ import annotations

# --- the frame: 19794-5 §8.3 full frontal, 9303-3 §3.9
ASPECT = 3 / 4  # width to height
HEAD_TO_EYES = 3.6  # crown to chin of a grown-up, in distances between the eyes
HEAD_SHARE = 0.72  # of the picture's height: 70 to 80 per cent
EYE_LINE = 0.45  # from the top: 19794-5 has the eyes 50 to 70 per cent above the bottom edge
PICTURE_WIDTH, PICTURE_HEIGHT = 300, 400  # pixels of what goes onto the card; it is never enlarged to it
SMALLER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # what is tried when the file would be too large
QUALITIES = (90, 86, 82, 78, 74, 70, 66, 62, 58, 54, 50)  # of the JPEG, best first

# --- who is in the picture
LEAST_FACE = 0.10  # of the shorter side: a smaller one is not looked for
LEAST_HEAD_SHARE = 0.30  # of the frame's height; below: come closer
MOST_HEAD_SHARE = 0.92  # above: crown or chin will be cut off
LEAST_EYE_DISTANCE = 45  # pixels in the upload; 19794-5 asks for 60 where faces are compared by machine: below, look
GOOD_EYE_DISTANCE = 60
MOST_ROLL = 6.0  # degrees that the eyes may be off level: 19794-5 §7.2.2 has 5, the cascades measure to about 1
MOST_YAW = 0.10  # middle of the eyes off the middle of the face, in widths of the face
MOST_CUT = 0.02  # of the crop's side that may lie beyond the frame

# --- light, sharpness, colour
LEAST_BRIGHT = 95.0  # of 255, what the brightest twentieth of the picture reaches
LEAST_FACE_RANGE = 64.0  # of 255, from the darkest to the lightest of the face: 19794-5 §7.3.2 asks for 7 bits of use
MOST_BURNT = 0.20  # of the face where two of the three colours are as light as can be
MOST_UNEVEN = 0.22  # difference of the halves of the face, in their mean
LEAST_SHARP = 60.0  # variance of the Laplacian over the face, eyes 60 pixels apart
MOST_BUSY = 24.0  # of 255, spread of the background's lightness
LEAST_BACKGROUND = 130.0  # of 255: light
LEAST_CHROMA = 3.0  # mean distance from grey, CIE Lab
MOST_CAST = 22.0  # CIE Lab, of the background, which is to be plain and light
