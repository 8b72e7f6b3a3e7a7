"""What is wrong with a photo and what to do about it, in Chinese and English. Directions are those of the picture on
the screen, which a camera shows as a mirror does not: the person's own left is on the right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..texts import Language, fill
from .findings import Finding, Flaw

Pair = tuple[str, str]

TEXTS: Mapping[Flaw, tuple[Pair, Pair]] = MappingProxyType(
    {
        Flaw.NO_FACE: (
            ("没有看到人脸", "No face is seen"),
            ("请正对镜头，露出整张脸，光线要够。", "Face the camera with the whole face free, in good light."),
        ),
        Flaw.SEVERAL_FACES: (
            ("照片里有 {measured} 张脸", "There {measured:is|are} {measured} {measured:face|faces}"),
            ("请让其他人离开画面后重拍。", "Ask the others to step out of the picture."),
        ),
        Flaw.SIDEWAYS: (
            ("照片方向不对", "The picture is turned"),
            ("请顺时针旋转 {measured}° 后重新上传。", "Turn it clockwise by {measured}°."),
        ),
        Flaw.TILTED: (
            ("头部倾斜 {measured}°（最多 {limit}°）", "The head leans by {measured}° (at most {limit}°)"),
            ("请把头摆正，双眼在一条水平线上。", "Hold the head upright, the eyes level."),
        ),
        Flaw.TURNED_AWAY: (
            ("脸没有正对镜头", "The face is turned to the side"),
            ("请正视镜头，两耳露出同样多。", "Look straight into the camera, both ears alike."),
        ),
        Flaw.EYES_HIDDEN: (
            ("看不清双眼", "The eyes are not seen clearly"),
            (
                "请睁开眼睛，拨开头发，取下墨镜，避免镜片反光。",
                "Open the eyes, clear the hair from them, take off dark glasses, avoid glare.",
            ),
        ),
        Flaw.TOO_FAR: (
            (
                "脸太小：头部占画面 {measured}%（至少 {limit}%）",
                "Face too small: the head fills {measured}% (at least {limit}%)",
            ),
            ("请靠近一些。", "Come closer."),
        ),
        Flaw.TOO_CLOSE: (
            (
                "脸太大：头部占画面 {measured}%（最多 {limit}%）",
                "Face too large: the head fills {measured}% (at most {limit}%)",
            ),
            ("请后退一些。", "Move back a little."),
        ),
        Flaw.TOO_FAR_LEFT: (
            ("脸太靠画面左边", "The face is too far left in the picture"),
            ("请向画面右边移动。", "Move towards the right of the picture."),
        ),
        Flaw.TOO_FAR_RIGHT: (
            ("脸太靠画面右边", "The face is too far right in the picture"),
            ("请向画面左边移动。", "Move towards the left of the picture."),
        ),
        Flaw.TOO_HIGH: (
            ("脸太靠画面上边，头顶会被裁掉", "The face is too high: the crown would be cut off"),
            ("请把镜头抬高一些。", "Raise the camera a little."),
        ),
        Flaw.TOO_LOW: (
            ("脸太靠画面下边，下巴或肩部会被裁掉", "The face is too low: chin or shoulders would be cut off"),
            ("请把镜头放低一些。", "Lower the camera a little."),
        ),
        Flaw.DARK: (
            ("照片太暗", "The picture is too dark"),
            ("请增加正面光线，或调高曝光。", "Add light from the front, or expose longer."),
        ),
        Flaw.BRIGHT: (
            ("曝光过度：脸部有 {measured}% 发白", "Overexposed: {measured}% of the face is burnt out"),
            ("请减弱光线，或降低曝光。", "Less light, or a shorter exposure."),
        ),
        Flaw.FLAT: (
            ("脸部对比太弱", "The face has too little contrast"),
            ("请擦净镜头，避开逆光和雾气。", "Clean the lens, and avoid light from behind."),
        ),
        Flaw.UNEVEN_LIGHT: (
            (
                "脸部两侧明暗相差 {measured}%（最多 {limit}%）",
                "The halves of the face differ by {measured}% in light (at most {limit}%)",
            ),
            ("请让光线从正面照来，两侧一样亮。", "Let the light come from the front, alike on both sides."),
        ),
        Flaw.BLURRED: (
            ("照片模糊", "The picture is blurred"),
            ("请对焦到眼睛，拍摄时不要动。", "Focus on the eyes, and hold still."),
        ),
        Flaw.BACKGROUND_BUSY: (
            ("背景杂乱", "The background is busy"),
            ("请换成单色浅色背景，背后不要有物品和影子。", "Use a plain light background, without things or shadows."),
        ),
        Flaw.BACKGROUND_DARK: (
            ("背景太深", "The background is dark"),
            ("请换成浅色背景。", "Use a light background."),
        ),
        Flaw.FEW_PIXELS: (
            (
                "像素不够：两眼相距 {measured} 像素（应有 {limit}）",
                "Too few pixels: the eyes are {measured} apart (should be {limit})",
            ),
            ("请靠近一些，或调高相机分辨率。", "Come closer, or set the camera to a higher resolution."),
        ),
        Flaw.NO_COLOUR: (
            ("照片不是彩色的", "The picture has no colour"),
            ("请用彩色模式拍摄。", "Take it in colour."),
        ),
        Flaw.COLOUR_CAST: (
            ("照片偏色，或背景不是中性色", "The colours are off, or the background is coloured"),
            ("请用日光色灯光，并校正白平衡。", "Use daylight lamps, and set the white balance."),
        ),
    }
)


def spoken(finding: Finding, language: Language) -> tuple[str, str]:
    """(what is wrong, what to do)."""
    which = 0 if language is Language.ZH else 1
    blanks = {"measured": _number(finding.measured), "limit": _number(finding.limit)}
    title, action = TEXTS[finding.flaw]
    return fill(title[which], blanks), fill(action[which], blanks)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
