"""infinigen's object generators that are worth their time, by what they make.

Each was run once at the level of detail asked for. Left out are those that took more than 8 s of
processor time for one object (most trees, ferns, agaves, boulders, mattress with covers), those
that failed, and creatures.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generator:
    """One class of objects.

    Attributes:
        path: Of the class, below infinigen's objects.
        reach: The object's longest side is brought into this range [m]; None keeps the size.
    """

    path: str
    reach: tuple[float, float] | None = None

    @property
    def module(self) -> str:
        """The full name of its module."""
        return "infinigen.assets.objects." + self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Of the class."""
        return self.path.rpartition(".")[2]


_SMALL = (0.08, 0.2)

GROUPS: dict[str, list[Generator]] = {
    "chair": [Generator("seating.ChairFactory")],
    "office-chair": [Generator("seating.OfficeChairFactory"), Generator("seating.ChairFactory")],
    "stool": [Generator("seating.BarChairFactory")],
    "sofa": [Generator("seating.SofaFactory")],
    "armchair": [Generator("seating.ArmChairFactory"), Generator("seating.ChairFactory")],
    "mattress": [Generator("seating.MattressFactory")],
    "pillow": [Generator("seating.PillowFactory")],
    "dining-table": [Generator("tables.TableDiningFactory")],
    "low-table": [Generator("tables.CoffeeTableFactory")],
    "side-table": [Generator("tables.SideTableFactory"), Generator("shelves.SidetableDeskFactory")],
    "bar-table": [Generator("tables.TableCocktailFactory")],
    "desk": [Generator("shelves.SimpleDeskFactory")],
    "shelf": [
        Generator("shelves.CellShelfFactory"),
        Generator("shelves.LargeShelfFactory"),
        Generator("shelves.SimpleBookcaseFactory"),
    ],
    "low-shelf": [Generator("shelves.TVStandFactory"), Generator("shelves.SimpleBookcaseFactory")],
    "cabinet": [Generator("shelves.SingleCabinetFactory")],
    "kitchen": [
        Generator("shelves.kitchen_cabinet.KitchenCabinetFactory"),
        Generator("shelves.kitchen_space.KitchenSpaceFactory"),
    ],
    "island": [Generator("shelves.kitchen_space.KitchenIslandFactory")],
    "appliance": [
        Generator("appliances.DishwasherFactory"),
        Generator("appliances.BeverageFridgeFactory"),
    ],
    "counter-appliance": [
        Generator("appliances.MicrowaveFactory"),
        Generator("appliances.ToasterFactory", (0.3, 0.4)),
    ],
    "monitor": [Generator("appliances.MonitorFactory")],
    "television": [Generator("appliances.TVFactory")],
    "bathtub": [Generator("bathroom.BathtubFactory")],
    "toilet": [Generator("bathroom.ToiletFactory")],
    "basin": [Generator("bathroom.StandingSinkFactory")],
    "floor-lamp": [Generator("lamp.FloorLampFactory")],
    "desk-lamp": [Generator("lamp.DeskLampFactory")],
    "tableware": [
        Generator("tableware.BowlFactory"),
        Generator("tableware.CupFactory"),
        Generator("tableware.CanFactory"),
        Generator("tableware.PlateFactory"),
        Generator("tableware.PotFactory"),
        Generator("tableware.JarFactory"),
        Generator("tableware.WineglassFactory"),
        Generator("tableware.FoodBoxFactory", (0.12, 0.3)),
        Generator("tableware.FoodBagFactory", (0.12, 0.3)),
        Generator("tableware.PanFactory"),
        Generator("tableware.LidFactory"),
        Generator("tableware.SpoonFactory"),
        Generator("tableware.KnifeFactory"),
    ],
    "fruit": [
        Generator("fruits.apple.FruitFactoryApple", (0.06, 0.09)),
        Generator("fruits.starfruit.FruitFactoryStarfruit", (0.08, 0.13)),
        Generator("fruits.strawberry.FruitFactoryStrawberry", (0.04, 0.07)),
        Generator("fruits.pineapple.FruitFactoryPineapple", (0.2, 0.3)),
        Generator("fruits.coconutgreen.FruitFactoryCoconutgreen", (0.15, 0.25)),
        Generator("fruits.durian.FruitFactoryDurian", (0.2, 0.3)),
        Generator("fruits.compositional_fruit.FruitFactoryCompositional", (0.06, 0.15)),
    ],
    "pot": [Generator("tableware.plant_container.PlantPotFactory")],
    "vase": [Generator("table_decorations.VaseFactory")],
    "shell": [
        Generator("mollusk.ConchFactory", _SMALL),
        Generator("mollusk.NautilusFactory", _SMALL),
        Generator("mollusk.ScallopFactory", _SMALL),
        Generator("mollusk.VoluteFactory", _SMALL),
        Generator("mollusk.AugerFactory", _SMALL),
    ],
    "house-plant": [
        Generator("small_plants.SnakePlantFactory", (0.4, 1.2)),
        Generator("small_plants.SpiderPlantFactory", (0.3, 0.6)),
    ],
    "small-plant": [
        Generator("small_plants.SucculentFactory", (0.06, 0.2)),
        Generator("small_plants.SnakePlantFactory", (0.2, 0.4)),
        Generator("grassland.GrassTuftFactory", (0.1, 0.25)),
    ],
    "garden-plant": [
        Generator("grassland.FlowerPlantFactory", (0.3, 1.2)),
        Generator("grassland.GrassTuftFactory", (0.2, 0.5)),
        Generator("small_plants.SnakePlantFactory", (0.4, 1.2)),
        Generator("small_plants.SpiderPlantFactory", (0.3, 0.9)),
        Generator("monocot.GrassesMonocotFactory"),
        Generator("monocot.TussockMonocotFactory"),
        Generator("mushroom.growth.MushroomGrowthFactory", (0.1, 0.4)),
    ],
    "pallet": [Generator("elements.PalletFactory")],
    "rack": [Generator("elements.warehouses.rack.RackFactory", (2.0, 3.2))],
    "pillar": [Generator("elements.PillarFactory")],
    "stairs": [
        Generator("elements.staircases.straight.StraightStaircaseFactory"),
        Generator("elements.staircases.spiral.SpiralStaircaseFactory"),
    ],
    "picture": [Generator("wall_decorations.WallArtFactory")],
}
