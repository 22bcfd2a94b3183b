"""infinigen's object generators that are worth their time, by what they make.

Each was run once: `seconds` of processor time for one object, at the level of detail asked for.
Left out are those that took more than 8 s (most trees, ferns, agaves, boulders, mattress with
covers), those that failed, and creatures.
"""

from __future__ import annotations

from dataclasses import dataclass

_OBJECTS = "infinigen.assets.objects."


@dataclass(frozen=True)
class Generator:
    """One class of objects.

    Attributes:
        module: Below infinigen's objects.
        name: Of the class.
        seconds: Processor time for one.
        reach: The object's longest side is brought into this range [m]; None keeps the size.
    """

    module: str
    name: str
    seconds: float
    reach: tuple[float, float] | None = None

    @property
    def path(self) -> str:
        """Its module's full name."""
        return _OBJECTS + self.module


def _of(
    module: str, *rows: tuple[str, float] | tuple[str, float, tuple[float, float]]
) -> list[Generator]:
    made = []
    for name, seconds, *reach in rows:
        *parts, last = str(name).split(".")
        made.append(Generator(".".join([module, *parts]), last, float(seconds), *reach))
    return made


_SMALL = (0.08, 0.2)

GROUPS: dict[str, list[Generator]] = {
    "chair": [*_of("seating", ("ChairFactory", 0.3))],
    "office-chair": [*_of("seating", ("OfficeChairFactory", 0.2), ("ChairFactory", 0.3))],
    "stool": [*_of("seating", ("BarChairFactory", 0.1))],
    "sofa": [*_of("seating", ("SofaFactory", 0.4))],
    "armchair": [*_of("seating", ("ArmChairFactory", 0.4), ("ChairFactory", 0.3))],
    "mattress": [*_of("seating", ("MattressFactory", 0.4))],
    "pillow": [*_of("seating", ("PillowFactory", 2.5))],
    "dining-table": [*_of("tables", ("TableDiningFactory", 0.1))],
    "low-table": [*_of("tables", ("CoffeeTableFactory", 0.1))],
    "side-table": [
        *_of("tables", ("SideTableFactory", 0.1)),
        *_of("shelves", ("SidetableDeskFactory", 0.1)),
    ],
    "bar-table": [*_of("tables", ("TableCocktailFactory", 0.2))],
    "desk": [*_of("shelves", ("SimpleDeskFactory", 0.1))],
    "shelf": [
        *_of(
            "shelves",
            ("CellShelfFactory", 0.1),
            ("LargeShelfFactory", 0.1),
            ("SimpleBookcaseFactory", 0.1),
        ),
        *_of("shelves", ("LargeShelfFactory", 0.1)),
    ],
    "low-shelf": [*_of("shelves", ("TVStandFactory", 0.1), ("SimpleBookcaseFactory", 0.1))],
    "cabinet": [*_of("shelves", ("SingleCabinetFactory", 0.3))],
    "kitchen": [
        *_of("shelves.kitchen_cabinet", ("KitchenCabinetFactory", 0.9)),
        *_of("shelves.kitchen_space", ("KitchenSpaceFactory", 2.6)),
    ],
    "island": [*_of("shelves.kitchen_space", ("KitchenIslandFactory", 2.0))],
    "appliance": [*_of("appliances", ("DishwasherFactory", 0.8), ("BeverageFridgeFactory", 0.5))],
    "counter-appliance": [
        *_of("appliances", ("MicrowaveFactory", 1.0)),
        *_of("appliances", ("ToasterFactory", 0.4, (0.3, 0.4))),
    ],
    "monitor": [*_of("appliances", ("MonitorFactory", 0.2))],
    "television": [*_of("appliances", ("TVFactory", 0.1))],
    "bathtub": [*_of("bathroom", ("BathtubFactory", 0.3))],
    "toilet": [*_of("bathroom", ("ToiletFactory", 0.5))],
    "basin": [*_of("bathroom", ("StandingSinkFactory", 0.1))],
    "floor-lamp": [*_of("lamp", ("FloorLampFactory", 0.1))],
    "desk-lamp": [*_of("lamp", ("DeskLampFactory", 0.1))],
    "ceiling-lamp": [
        *_of("lamp", ("CeilingClassicLampFactory", 0.1), ("CeilingLightFactory", 0.1))
    ],
    "tableware": [
        *_of(
            "tableware",
            ("BowlFactory", 0.3),
            ("CupFactory", 0.7),
            ("CanFactory", 0.1),
            ("PlateFactory", 0.2),
            ("PotFactory", 0.6),
            ("JarFactory", 0.2),
            ("WineglassFactory", 0.7),
            ("FoodBoxFactory", 0.1, (0.12, 0.3)),
            ("FoodBagFactory", 0.2, (0.12, 0.3)),
            ("PanFactory", 0.8),
            ("LidFactory", 0.1),
            ("SpoonFactory", 0.1),
            ("KnifeFactory", 0.1),
        )
    ],
    "fruit": [
        *_of(
            "fruits",
            ("apple.FruitFactoryApple", 0.1, (0.06, 0.09)),
            ("starfruit.FruitFactoryStarfruit", 0.2, (0.08, 0.13)),
            ("strawberry.FruitFactoryStrawberry", 0.4, (0.04, 0.07)),
            ("pineapple.FruitFactoryPineapple", 0.2, (0.2, 0.3)),
            ("coconutgreen.FruitFactoryCoconutgreen", 1.5, (0.15, 0.25)),
            ("durian.FruitFactoryDurian", 1.5, (0.2, 0.3)),
            ("compositional_fruit.FruitFactoryCompositional", 0.6, (0.06, 0.15)),
        )
    ],
    "pot": [*_of("tableware", ("plant_container.PlantPotFactory", 0.7))],
    "vase": [*_of("table_decorations", ("VaseFactory", 0.5))],
    "shell": [
        *_of(
            "mollusk",
            ("ConchFactory", 0.2, _SMALL),
            ("NautilusFactory", 0.1, _SMALL),
            ("ScallopFactory", 0.3, _SMALL),
            ("VoluteFactory", 0.1, _SMALL),
            ("AugerFactory", 0.3, _SMALL),
        )
    ],
    "house-plant": [
        *_of(
            "small_plants",
            ("SnakePlantFactory", 0.1, (0.4, 1.2)),
            ("SpiderPlantFactory", 0.3, (0.3, 0.6)),
        ),
    ],
    "small-plant": [
        *_of(
            "small_plants",
            ("SucculentFactory", 0.3, (0.06, 0.2)),
            ("SnakePlantFactory", 0.1, (0.2, 0.4)),
        ),
        *_of("grassland", ("GrassTuftFactory", 0.1, (0.1, 0.25))),
    ],
    "garden-plant": [
        *_of(
            "grassland",
            ("FlowerPlantFactory", 0.3, (0.3, 1.2)),
            ("GrassTuftFactory", 0.1, (0.2, 0.5)),
        ),
        *_of(
            "small_plants",
            ("SnakePlantFactory", 0.1, (0.4, 1.2)),
            ("SpiderPlantFactory", 0.3, (0.3, 0.9)),
        ),
        *_of("monocot", ("GrassesMonocotFactory", 2.8), ("TussockMonocotFactory", 1.7)),
        *_of("mushroom.growth", ("MushroomGrowthFactory", 1.4, (0.1, 0.4))),
    ],
    "pallet": [*_of("elements", ("PalletFactory", 0.1))],
    "rack": [*_of("elements.warehouses.rack", ("RackFactory", 0.3, (2.0, 3.2)))],
    "pillar": [*_of("elements", ("PillarFactory", 0.3))],
    "stairs": [
        *_of("elements.staircases.straight", ("StraightStaircaseFactory", 1.8)),
        *_of("elements.staircases.spiral", ("SpiralStaircaseFactory", 0.4)),
    ],
    "door": [
        *_of("elements.doors.panel", ("PanelDoorFactory", 0.3)),
        *_of("elements.doors.louver", ("LouverDoorFactory", 0.3)),
    ],
    "picture": [*_of("wall_decorations", ("WallArtFactory", 0.2))],
}
