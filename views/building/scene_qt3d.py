"""Draws floors and rooms with Qt3D: one instanced draw call, into a picture that the stage paints under its labels.

Qt marks Qt3D as deprecated, so nothing but this file knows it; `pictures` is all that the stage uses. The picture is
drawn off the screen: a native child window inside a widget window cannot be overlaid, and is black on some
compositors. Without working OpenGL Qt3D ends the process: `gl_probe` tries it in another one first.

Frames are made when a picture is wanted and at no other time (the engine's manual mode). Left to itself the engine
makes one per tick of Qt's animation timer and hands a picture out two ticks later: 30 to 40 ms for what takes 3; and it
ticks for ever. A picture that does not come within a few frames is waited for by a timer, not by the window.
"""

from __future__ import annotations

import msgspec
import numpy as np
from PySide6.Qt3DCore import Qt3DCore
from PySide6.Qt3DRender import Qt3DRender
from PySide6.QtCore import QByteArray, QObject, QSize, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMatrix4x4, QOffscreenSurface, QSurfaceFormat, QVector2D, QVector3D

from views.building.layout import ROOM_DEPTH, Float32, House
from views.building.room_painter import Picture
from views.building.scene_painted import FLAT_PX, FRONT, SHADE, SIDE, TILE_Y, floor_colour, slab_depth, wing_colour
from views.drawing.heat import step_colours
from views.drawing.theme import colours, is_dark
from views.loop.state import Theme

MAX_RETRIES = 20
FRAMES_AT_ONCE = 3
LATER_MS = 5
TILE = 0.006
_FLOATS = 9
_TOP_AND_FRONT, _ALL_SEEN = 12, 18  # vertices of `seen_faces`
_VERTEX = b"""#version 330 core
in vec3 vertexPosition; in vec3 vertexNormal; in vec3 origin; in vec3 size; in vec3 paint;
uniform mat4 toClip; uniform vec3 ground; uniform vec2 turned; uniform vec2 shades;
out vec3 shown;
void main() {
    vec3 corner = vertexPosition;
    if (vertexNormal.x != 0.0) corner.x = turned.x;
    if (abs(vertexNormal.y) > 0.5) corner.y = turned.y;
    float shade = vertexNormal.z != 0.0 ? 0.0 : abs(vertexNormal.y) > 0.5 ? shades.y : shades.x;
    shown = mix(paint, ground, shade);
    gl_Position = toClip * vec4(origin + corner * size, 1.0);
}"""
_FRAGMENT = b"""#version 330 core
in vec3 shown; out vec4 colour;
void main() { colour = vec4(shown, 1.0); }"""


class Qt3DPictures(QObject):
    """RoomPictures through Qt3D."""

    ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        """Sets up an engine without a window."""
        super().__init__(parent)
        self.latest: Picture | None = None
        self._wanted: Picture | None = None
        self._drawing: Picture | None = None
        self._reply: Qt3DRender.QRenderCaptureReply | None = None
        self._uploaded: tuple[House, Theme, float] | None = None
        self._retries = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(LATER_MS)
        self._later.timeout.connect(self._go_on)
        form = QSurfaceFormat()
        form.setVersion(3, 3)
        form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        form.setDepthBufferSize(24)
        self._surface = QOffscreenSurface()
        self._surface.setFormat(form)
        self._surface.create()
        self._engine: Qt3DCore.QAspectEngine | None = Qt3DCore.QAspectEngine()
        self._aspect = Qt3DRender.QRenderAspect()  # kept: the engine does not own it
        self._engine.registerAspect(self._aspect)
        self._engine.setRunMode(Qt3DCore.QAspectEngine.RunMode.Manual)
        self._root_pointer = Qt3DCore.QEntityPtr(Qt3DCore.QEntity())
        self._root = self._root_pointer.data()
        self._kept: list[object] = []  # where a wrapper of a parent is collected, those of its children go with it
        self._frame_graph(self._root)
        self._rooms(self._root)
        self._engine.setRootEntity(self._root_pointer)

    def draw(self, wanted: Picture) -> None:
        """Draws a picture: `latest` is it when this returns, or, while the engine still warms up, a little later."""
        self._wanted = wanted
        if self._drawing is None:
            self._retries = 0
            self._go_on()

    def close(self) -> None:
        """Ends the engine, its thread and what it has on the card. Harmless when repeated.

        The order counts, or the process ends: entities first, then the aspect, then the engine with the scene that they
        all refer to. Each is deleted by the event loop, so it is asked to in that order.
        """
        self._later.stop()
        self._wanted = self._drawing = self._reply = None
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.setRootEntity(Qt3DCore.QEntityPtr())
            self._root_pointer = Qt3DCore.QEntityPtr()
            engine.unregisterAspect(self._aspect)
            engine.deleteLater()

    def _go_on(self) -> None:
        """Makes frames until there is nothing to draw, or nothing more to gain from trying at once."""
        for _ in range(FRAMES_AT_ONCE):
            if self._engine is None:
                return
            if self._drawing is None:
                if self._wanted is None:
                    return
                self._begin(self._wanted)
            self._engine.processFrame()
            if self._reply is not None and self._reply.isComplete():
                self._captured(self._reply)
        if self._drawing is not None or self._wanted is not None:
            self._later.start()

    def _begin(self, wanted: Picture) -> None:
        self._wanted, self._drawing = None, wanted
        size = QSize(max(int(wanted.width * wanted.ratio), 1), max(int(wanted.height * wanted.ratio), 1))
        if size != self._selector.externalRenderTargetSize():
            self._selector.setExternalRenderTargetSize(size)
            for texture in self._textures:
                texture.setSize(size.width(), size.height())
        ground = QColor(colours(wanted.theme).window if is_dark(wanted.theme) else colours(wanted.theme).text)
        self._ground.setValue(_vector(ground))
        slab = round(slab_depth(wanted.view) / wanted.view.storey, 4)
        if self._uploaded != (wanted.plan, wanted.theme, slab):
            self._uploaded = (wanted.plan, wanted.theme, slab)
            data = instances(wanted.plan, wanted.theme, slab)
            self._boxes.setData(QByteArray(data.tobytes()))
            self._renderer.setInstanceCount(len(data))
        self._to_clip.setValue(clip_matrix(wanted))
        sideways = wanted.view.sideways
        # As the painter does it: of rooms that small the side is not seen, and a third fewer triangles are.
        flat = abs(sideways) * ROOM_DEPTH < FLAT_PX
        self._renderer.setVertexCount(_TOP_AND_FRONT if flat else _ALL_SEEN)
        self._turned.setValue(QVector2D(float(sideways >= 0), 0.0))
        self._reply = self._capture.requestCapture()

    def _captured(self, reply: Qt3DRender.QRenderCaptureReply) -> None:
        drawn, self._drawing, self._reply = self._drawing, None, None
        image = reply.image()
        reply.deleteLater()
        if drawn is None:
            return
        if drawn.plan.floors and self._retries < MAX_RETRIES and is_empty(image):
            self._retries += 1  # the first frames come before the geometry has reached the graphics card
            self._wanted = self._wanted or drawn
            return
        self._retries = 0
        image.setDevicePixelRatio(drawn.ratio)
        self.latest = msgspec.structs.replace(drawn, image=image)
        self.ready.emit()

    def _frame_graph(self, root: Qt3DCore.QEntity) -> None:
        render = Qt3DRender
        self._selector = render.QRenderSurfaceSelector(root)
        self._selector.setSurface(self._surface)
        target_selector = render.QRenderTargetSelector(self._selector)
        target = render.QRenderTarget(target_selector)
        self._textures = []
        points = render.QRenderTargetOutput.AttachmentPoint
        forms = render.QAbstractTexture.TextureFormat
        for form, point in ((forms.RGBA8_UNorm, points.Color0), (forms.D24, points.Depth)):
            output = render.QRenderTargetOutput(target)
            output.setAttachmentPoint(point)
            texture = render.QTexture2D(output)
            texture.setFormat(form)
            texture.setGenerateMipMaps(False)
            texture.setSize(64, 64)
            output.setTexture(texture)
            target.addOutput(output)
            self._kept.append(output)
            self._textures.append(texture)
        target_selector.setTarget(target)
        viewport = render.QViewport(target_selector)
        camera_selector = render.QCameraSelector(viewport)
        camera = render.QCamera(root)
        camera_selector.setCamera(camera)
        self._clear = render.QClearBuffers(camera_selector)
        self._clear.setBuffers(render.QClearBuffers.BufferType.ColorDepthBuffer)
        self._clear.setClearColor(QColor(0, 0, 0, 0))  # the walls behind are painted, and so is what lies before
        self._capture = render.QRenderCapture(self._clear)
        settings = render.QRenderSettings(root)
        settings.setActiveFrameGraph(self._selector)
        settings.setRenderPolicy(render.QRenderSettings.RenderPolicy.OnDemand)
        root.addComponent(settings)
        self._kept += [target_selector, target, viewport, camera_selector, camera, settings]

    def _rooms(self, root: Qt3DCore.QEntity) -> None:
        entity = Qt3DCore.QEntity(root)
        geometry = Qt3DCore.QGeometry(entity)
        faces = seen_faces()
        corners = Qt3DCore.QBuffer(geometry)
        corners.setData(QByteArray(faces.tobytes()))
        self._boxes = Qt3DCore.QBuffer(geometry)
        self._boxes.setData(QByteArray(np.zeros(_FLOATS, np.float32).tobytes()))
        for at, name in enumerate(("vertexPosition", "vertexNormal")):
            _attribute(geometry, name, corners, (24, 12 * at, len(faces)), per_box=False)
        for at, name in enumerate(("origin", "size", "paint")):
            _attribute(geometry, name, self._boxes, (_FLOATS * 4, 12 * at, 1), per_box=True)
        self._renderer = Qt3DRender.QGeometryRenderer(entity)
        self._renderer.setGeometry(geometry)
        self._renderer.setPrimitiveType(Qt3DRender.QGeometryRenderer.PrimitiveType.Triangles)
        self._renderer.setVertexCount(len(faces))
        self._renderer.setInstanceCount(1)
        material = Qt3DRender.QMaterial(entity)
        self._to_clip = Qt3DRender.QParameter("toClip", QMatrix4x4(), material)
        self._ground = Qt3DRender.QParameter("ground", _vector(QColor("black")), material)
        material.addParameter(self._to_clip)
        self._turned = Qt3DRender.QParameter("turned", QVector2D(), material)
        material.addParameter(self._ground)
        material.addParameter(self._turned)
        self._shades = Qt3DRender.QParameter("shades", QVector2D(SHADE[SIDE], SHADE[FRONT]), material)
        material.addParameter(self._shades)
        effect = Qt3DRender.QEffect(material)
        technique = Qt3DRender.QTechnique(effect)
        wanted = technique.graphicsApiFilter()
        wanted.setApi(Qt3DRender.QGraphicsApiFilter.Api.OpenGL)
        wanted.setProfile(Qt3DRender.QGraphicsApiFilter.OpenGLProfile.CoreProfile)
        wanted.setMajorVersion(3)
        wanted.setMinorVersion(3)
        render_pass = Qt3DRender.QRenderPass(technique)
        program = Qt3DRender.QShaderProgram(render_pass)
        program.setVertexShaderCode(QByteArray(_VERTEX))
        program.setFragmentShaderCode(QByteArray(_FRAGMENT))
        render_pass.setShaderProgram(program)
        both_sides = Qt3DRender.QCullFace(render_pass)  # walls that the shader moves to the other side turn their back
        both_sides.setMode(Qt3DRender.QCullFace.CullingMode.NoCulling)
        nearest = Qt3DRender.QDepthTest(render_pass)
        nearest.setDepthFunction(Qt3DRender.QDepthTest.DepthFunction.Less)
        for state in (both_sides, nearest):
            render_pass.addRenderState(state)
        technique.addRenderPass(render_pass)
        effect.addTechnique(technique)
        material.setEffect(effect)
        entity.addComponent(self._renderer)
        entity.addComponent(material)
        self._kept += [
            entity,
            geometry,
            corners,
            material,
            effect,
            technique,
            wanted,
            render_pass,
            program,
            both_sides,
            nearest,
        ]


def instances(plan: House, theme: Theme, slab: float) -> Float32:
    """All boxes of a building: slabs, the wings' parts of them, rooms. `slab`: how thick floors are, in storeys.

    Shape: (n, 9): origin, size, red green blue of 0 to 1.
    """
    floors, wings = len(plan.floors), len(plan.wings)
    boxes = np.zeros((floors * (1 + wings) + len(plan), _FLOATS), np.float32)
    slabs, tiles, rooms = boxes[:floors], boxes[floors : floors * (1 + wings)], boxes[floors * (1 + wings) :]
    slabs[:, 2] = np.arange(floors) - slab
    slabs[:, 3:6] = (plan.width, 1.0, slab)
    slabs[:, 6:9] = _vector_values(QColor(floor_colour(theme)))
    for at, wing in enumerate(plan.wings):
        of_wing = tiles[at * floors : (at + 1) * floors]
        of_wing[:, 0], of_wing[:, 1], of_wing[:, 2] = wing.x, TILE_Y, np.arange(floors)
        of_wing[:, 3:6] = (wing.width, 1 - 2 * TILE_Y, TILE)
        of_wing[:, 6:9] = _vector_values(QColor(wing_colour(theme, wing)))
    rooms[:, :6] = plan.box
    scale = np.array([_vector_values(colour) for colour in step_colours(theme)], np.float32)
    rooms[:, 6:9] = scale[plan.step]
    return boxes


def seen_faces() -> Float32:
    """The triangles of the three faces of a box that can be seen: top, front and side, of which the shader moves two to
    where they are seen as the building is turned. All six would take twice as long, and vertices are what ten thousand
    rooms cost.

    Shape: (18, 6): place, normal.
    """
    corners = []
    for axis, side in ((2, 1.0), (1, 0.0), (0, 0.0)):
        square = []
        for u, v in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)):
            point, normal = np.zeros(3), np.zeros(3)
            point[axis], point[(axis + 1) % 3], point[(axis + 2) % 3] = side, u, v
            normal[axis] = 2 * side - 1
            square.append(np.concatenate([point, normal]))
        if not side:
            square.reverse()
        corners += [square[at] for at in (0, 1, 2, 0, 2, 3)]
    return np.array(corners, np.float32)


def clip_matrix(wanted: Picture) -> QMatrix4x4:
    """The projection as OpenGL wants it: the picture from -1 to 1, and what has the smaller y nearer."""
    view = wanted.view
    right, up = 2 / wanted.width, 2 / wanted.height
    rows = (
        (right * view.slot, right * view.sideways, 0.0, right * view.origin_x - 1),
        (0.0, up * view.upwards, up * view.storey, 1 - up * view.origin_y),
        (0.0, 1.8, 0.0, -0.9),
        (0.0, 0.0, 0.0, 1.0),
    )
    return QMatrix4x4([value for row in rows for value in row])


def _attribute(
    geometry: Qt3DCore.QGeometry,
    name: str,
    buffer: Qt3DCore.QBuffer,
    place: tuple[int, int, int],
    *,
    per_box: bool,
) -> None:
    """Three floats per entry. place: stride, offset, count.

    The count of what there is once per box stays 1: how many boxes there are is said to the renderer. Qt 6.11 draws all
    of a picture twice after another count of an attribute, and houses have as many rooms as there are at a moment.
    """
    attribute = Qt3DCore.QAttribute(geometry)
    attribute.setName(name)
    attribute.setBuffer(buffer)
    attribute.setAttributeType(Qt3DCore.QAttribute.AttributeType.VertexAttribute)
    attribute.setVertexBaseType(Qt3DCore.QAttribute.VertexBaseType.Float)
    attribute.setVertexSize(3)
    attribute.setByteStride(place[0])
    attribute.setByteOffset(place[1])
    attribute.setCount(place[2])
    attribute.setDivisor(1 if per_box else 0)
    geometry.addAttribute(attribute)


def _vector_values(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def _vector(colour: QColor) -> QVector3D:
    return QVector3D(*_vector_values(colour))


def is_empty(image: QImage) -> bool:
    """Whether every pixel looks the same."""
    if image.isNull():
        return True
    raw = np.frombuffer(image.constBits(), np.uint32)
    return bool((raw == raw[0]).all())
