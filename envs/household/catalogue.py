"""What exists in a house: object and receptacle classes, what goes where, what can be done with it.

Classes, pairs and properties are those of ALFRED (arXiv 1912.01734) as ALFWorld
(arXiv 2010.03768) uses them; which places are likely is our own common sense.
It is what rooms are furnished by and what the explorer searches by.
"""

from __future__ import annotations

from functools import cache

from .game import Ability


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TABLE = _words(
    "AlarmClock Apple BaseballBat BasketBall Book Bowl Box Bread ButterKnife CD Candle CellPhone Cloth "
    "CreditCard Cup DishSponge Egg Fork Glassbottle HandTowel Kettle KeyChain Knife Ladle Laptop Lettuce "
    "Mug Newspaper Pan PaperTowel Pen Pencil PepperShaker Plate Pot Potato RemoteControl SaltShaker "
    "SoapBar SoapBottle Spatula Spoon SprayBottle Statue TennisRacket TissueBox ToiletPaper "
    "ToiletPaperRoll Tomato Vase Watch WateringCan WineBottle"
)
_SEAT = _words(
    "BasketBall Book Box CellPhone Cloth CreditCard KeyChain Laptop Newspaper Pillow RemoteControl"
)
_DRESSER = _words(
    "AlarmClock BasketBall Book Bowl Box CD Candle CellPhone Cloth CreditCard Cup Glassbottle KeyChain "
    "Laptop Mug Newspaper Pen Pencil Plate RemoteControl SprayBottle Statue TennisRacket TissueBox "
    "ToiletPaper ToiletPaperRoll Vase Watch WateringCan WineBottle"
)

HOLDS: dict[str, frozenset[str]] = {
    "ArmChair": _SEAT,
    "BathtubBasin": _words("Cloth DishSponge HandTowel SoapBar"),
    "Bed": _words("BaseballBat BasketBall Book CellPhone Laptop Newspaper Pillow TennisRacket"),
    "Cabinet": _words(
        "Book Bowl Box CD Candle Cloth Cup DishSponge Glassbottle HandTowel Kettle Ladle Mug Newspaper Pan "
        "PepperShaker Plate Plunger Pot SaltShaker SoapBar SoapBottle SprayBottle TissueBox ToiletPaper "
        "ToiletPaperRoll Vase WateringCan WineBottle"
    ),
    "Cart": _words(
        "Candle Cloth DishSponge HandTowel Mug PaperTowel Plunger SoapBar SoapBottle SprayBottle Statue "
        "TissueBox ToiletPaper ToiletPaperRoll Vase"
    ),
    "CoffeeMachine": _words("Mug"),
    "CoffeeTable": _TABLE,
    "CounterTop": _TABLE,
    "Desk": _DRESSER | _words("SoapBottle"),
    "DiningTable": _TABLE,
    "Drawer": _words(
        "Book ButterKnife CD Candle CellPhone Cloth CreditCard DishSponge Fork HandTowel KeyChain Knife "
        "Ladle Newspaper Pen Pencil PepperShaker RemoteControl SaltShaker SoapBar SoapBottle Spatula Spoon "
        "SprayBottle TissueBox ToiletPaper ToiletPaperRoll Watch WateringCan"
    ),
    "Dresser": _DRESSER,
    "Fridge": _words(
        "Apple Bowl Bread Cup Egg Glassbottle Lettuce Mug Pan Plate Pot Potato Tomato WineBottle"
    ),
    "GarbageCan": _words(
        "Apple Bread CD Cloth DishSponge Egg HandTowel Lettuce Newspaper PaperTowel Pen Pencil Potato "
        "SoapBar SoapBottle SprayBottle TissueBox ToiletPaper ToiletPaperRoll Tomato WineBottle"
    ),
    "HandTowelHolder": _words("HandTowel"),
    "LaundryHamper": _words("Cloth"),
    "Microwave": _words("Apple Bowl Bread Cup Egg Glassbottle Mug Plate Potato Tomato"),
    "Ottoman": _SEAT,
    "Safe": _words("CD CellPhone CreditCard KeyChain Statue Vase Watch"),
    "Shelf": _words(
        "AlarmClock Book Bowl Box CD Candle CellPhone Cloth CreditCard Cup DishSponge Glassbottle HandTowel "
        "Kettle KeyChain Mug Newspaper PaperTowel Pen Pencil PepperShaker Plate Pot RemoteControl "
        "SaltShaker SoapBar SoapBottle SprayBottle Statue TissueBox ToiletPaper ToiletPaperRoll Vase Watch "
        "WateringCan WineBottle"
    ),
    "SideTable": _TABLE,
    "SinkBasin": _words(
        "Apple Bowl ButterKnife Cloth Cup DishSponge Egg Fork Glassbottle HandTowel Kettle Knife Ladle "
        "Lettuce Mug Pan Plate Pot Potato SoapBar Spatula Spoon Tomato"
    ),
    "Sofa": _SEAT,
    "StoveBurner": _words("Kettle Pan Pot"),
    "TVStand": _words("TissueBox"),
    "Toaster": frozenset(),
    "Toilet": _words(
        "Candle Cloth DishSponge HandTowel Newspaper PaperTowel SoapBar SoapBottle SprayBottle TissueBox "
        "ToiletPaper ToiletPaperRoll"
    ),
    "ToiletPaperHanger": _words("ToiletPaper ToiletPaperRoll"),
    "TowelHolder": _words("Towel"),
}
"""Receptacle class -> the object classes that may be put there (`canContain`)."""

OPENABLE = _words("Cabinet Drawer Fridge Microwave Safe")
HEATABLE = _words("Apple Bread Cup Egg Mug Plate Potato Tomato")
COOLABLE = _words("Apple Bowl Bread Cup Egg Lettuce Mug Pan Plate Pot Potato Tomato WineBottle")
CLEANABLE = _words(
    "Apple Bowl ButterKnife Cloth Cup DishSponge Egg Fork Kettle Knife Ladle Lettuce Mug Pan Plate Pot "
    "Potato SoapBar Spatula Spoon Tomato"
)
SLICEABLE = _words("Apple Bread Egg Lettuce Potato Tomato")
LAMPS = _words("DeskLamp FloorLamp")
STATIONARY = LAMPS | _words("HousePlant Television")
"""Classes that stand on something and cannot be picked up."""
RECEPTACLE_OBJECTS = _words("Bowl Box Cup Mug Pan Plate Pot")

RECEPTACLE_CLASSES: tuple[str, ...] = tuple(sorted(HOLDS))
OBJECT_CLASSES: tuple[str, ...] = tuple(sorted(frozenset[str]().union(*HOLDS.values()) | STATIONARY))

LIKELY: dict[str, frozenset[str]] = {
    name: _words(places)
    for name, places in {
        "AlarmClock": "SideTable Desk Dresser",
        "Apple": "CounterTop Fridge DiningTable",
        "BaseballBat": "Bed",
        "BasketBall": "Bed ArmChair Desk",
        "Book": "Shelf Desk Bed SideTable Drawer",
        "Bowl": "Cabinet CounterTop Shelf Desk DiningTable",
        "Box": "CoffeeTable DiningTable Sofa Dresser",
        "Bread": "CounterTop DiningTable Fridge",
        "ButterKnife": "Drawer CounterTop DiningTable",
        "CD": "Desk Shelf Drawer Dresser",
        "Candle": "Toilet CounterTop Shelf Cabinet",
        "CellPhone": "Desk SideTable Bed Drawer Dresser",
        "Cloth": "Cabinet Drawer BathtubBasin CounterTop",
        "CreditCard": "Desk SideTable CoffeeTable Drawer Dresser",
        "Cup": "Cabinet CounterTop Fridge SinkBasin",
        "DishSponge": "SinkBasin CounterTop Drawer",
        "Egg": "Fridge CounterTop",
        "Fork": "Drawer CounterTop DiningTable",
        "Glassbottle": "CounterTop Shelf Cabinet",
        "HandTowel": "HandTowelHolder",
        "Kettle": "StoveBurner Cabinet CounterTop",
        "KeyChain": "SideTable Desk CoffeeTable Drawer Dresser",
        "Knife": "CounterTop Drawer DiningTable",
        "Ladle": "Drawer CounterTop Cabinet",
        "Laptop": "Desk Bed Sofa CoffeeTable",
        "Lettuce": "Fridge CounterTop",
        "Mug": "Cabinet CounterTop CoffeeMachine Desk Shelf",
        "Newspaper": "Sofa CoffeeTable ArmChair Toilet",
        "Pan": "StoveBurner Cabinet CounterTop",
        "PaperTowel": "CounterTop Toilet",
        "Pen": "Desk Drawer SideTable",
        "Pencil": "Desk Drawer SideTable",
        "PepperShaker": "Cabinet CounterTop Drawer DiningTable",
        "Pillow": "Bed Sofa ArmChair",
        "Plate": "Cabinet CounterTop DiningTable",
        "Plunger": "Cart Cabinet",
        "Pot": "StoveBurner Cabinet CounterTop",
        "Potato": "CounterTop Fridge SinkBasin",
        "RemoteControl": "Sofa CoffeeTable ArmChair SideTable Drawer",
        "SaltShaker": "Cabinet CounterTop Drawer DiningTable",
        "SoapBar": "SinkBasin BathtubBasin CounterTop Toilet",
        "SoapBottle": "CounterTop Cabinet Toilet",
        "Spatula": "Drawer CounterTop",
        "Spoon": "Drawer CounterTop DiningTable",
        "SprayBottle": "Toilet Cabinet CounterTop",
        "Statue": "Shelf CoffeeTable Dresser SideTable",
        "TennisRacket": "Bed Desk Dresser",
        "TissueBox": "SideTable CoffeeTable Toilet CounterTop",
        "ToiletPaper": "Toilet ToiletPaperHanger Cabinet",
        "ToiletPaperRoll": "ToiletPaperHanger Toilet Cabinet",
        "Tomato": "CounterTop Fridge DiningTable",
        "Towel": "TowelHolder",
        "Vase": "Shelf CoffeeTable SideTable Safe",
        "Watch": "SideTable Dresser CoffeeTable Safe",
        "WateringCan": "SideTable Shelf CoffeeTable",
        "WineBottle": "Fridge CounterTop Cabinet",
    }.items()
}
"""Object class -> the receptacle classes where one would look first."""


@cache
def abilities(obj: str) -> Ability:
    """Return what can be done to an object class."""
    able = Ability.TOGGLEABLE if obj in LAMPS else Ability(0)
    for ability, classes in (
        (Ability.PICKUPABLE, frozenset(OBJECT_CLASSES) - STATIONARY),
        (Ability.HEATABLE, HEATABLE),
        (Ability.COOLABLE, COOLABLE),
        (Ability.CLEANABLE, CLEANABLE),
        (Ability.SLICEABLE, SLICEABLE),
        (Ability.CONTAINER, RECEPTACLE_OBJECTS),
    ):
        if obj in classes:
            able |= ability
    return able


def can_contain(receptacle: str, obj: str) -> bool:
    """Tell whether a receptacle class takes an object class."""
    return obj in HOLDS[receptacle]


def likelihood(obj: str, receptacle: str) -> int:
    """Return how likely an object class lies in a receptacle class: 0, 1 or 5."""
    if obj not in HOLDS[receptacle]:
        return 0
    return 5 if receptacle in LIKELY[obj] else 1
